package org.wanda4j.text.jinja;

import java.util.List;
import java.util.Map;

/// What is given in a call: `f(1, 2, key=3)`. [Signature] gives each a name.
record Arguments(List<Object> positional, Map<String, Object> named) {

    static final Arguments NONE = new Arguments(List.of(), Map.of());

    int count() {
        return positional.size();
    }

    /// The positional argument `index`, which must be there.
    Object get(int index) {
        if (index >= positional.size()) {
            throw new TemplateException("a call lacks argument " + (index + 1));
        }
        return positional.get(index);
    }

    /// The positional ones from `index` on, and the named ones.
    Arguments from(int index) {
        return new Arguments(positional.subList(index, count()), named);
    }

    boolean has(String name) {
        return named.containsKey(name);
    }

    Object get(String name) {
        return named.get(name);
    }

    Object get(String name, Object fallback) {
        return named.getOrDefault(name, fallback);
    }

    boolean isTrue(String name) {
        return Values.isTrue(named.getOrDefault(name, false));
    }

    /// A whole number; `fallback` also for none.
    long whole(String name, long fallback) {
        Object value = named.get(name);
        return value == null ? fallback : Numbers.whole(value);
    }

    String text(String name) {
        return Values.string(named.get(name));
    }

    String text(String name, String fallback) {
        return has(name) ? text(name) : fallback;
    }
}
