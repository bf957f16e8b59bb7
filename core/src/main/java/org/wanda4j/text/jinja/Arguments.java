package org.wanda4j.text.jinja;

import java.util.List;
import java.util.Map;

/// What is given in a call: `f(1, 2, key=3)`.
record Arguments(List<Object> positional, Map<String, Object> named) {

    static final Arguments NONE = new Arguments(List.of(), Map.of());

    int count() {
        return positional.size();
    }

    /// Argument `index`, which must be there.
    Object get(int index) {
        if (index >= positional.size()) {
            throw new TemplateException("a call lacks argument " + (index + 1));
        }
        return positional.get(index);
    }

    /// Argument `index`, also by its name, or `fallback`.
    Object get(int index, String name, Object fallback) {
        if (index < positional.size()) {
            return positional.get(index);
        }
        return named.containsKey(name) ? named.get(name) : fallback;
    }

    String text(int index) {
        if (get(index) instanceof String text) {
            return text;
        }
        throw new TemplateException("argument " + (index + 1) + " of a call must be a text");
    }
}
