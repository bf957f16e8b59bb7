package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What a filter, test, method or function is called and takes.
///
/// @param required how many of `parameters` must be given
/// @param open     whether it takes any arguments, which then keep their places
/// @param byPlace  whether it takes them by place only
record Signature(
        String name, List<String> parameters, int required, boolean open, boolean byPlace) {

    /// @param written as `replace(old, new, count=)`, with `=` behind what may be absent and `/` at the end of what has no names, or
    /// `format(*)`
    static Signature of(String written) {
        String[] words = written.split("[(), ]+", -1);
        List<String> parameters = new ArrayList<>();
        int required = 0;
        boolean open = written.endsWith("(*)");
        boolean byPlace = written.endsWith(", /)");
        int end = words.length - (open || byPlace ? 2 : 1);
        for (int i = 1; i < end; i++) {
            required += words[i].endsWith("=") ? 0 : 1;
            parameters.add(words[i].replace("=", ""));
        }
        return new Signature(words[0], parameters, required, open, byPlace);
    }

    /// What is given, all of it by name.
    Arguments bind(Arguments given) {
        if (open) {
            return given;
        }
        if (given.count() > parameters.size()) {
            throw error(
                    "takes at most %d arguments, not %d"
                            .formatted(parameters.size(), given.count()));
        }
        Map<String, Object> bound = new HashMap<>();
        for (int i = 0; i < given.count(); i++) {
            bound.put(parameters.get(i), given.get(i));
        }
        given.named()
                .forEach((name, value) -> {
                    if (byPlace || !parameters.contains(name)) {
                        throw error("takes no argument by the name '" + name + "'");
                    }
                    if (bound.containsKey(name)) {
                        throw error("is given '" + name + "' twice");
                    }
                    bound.put(name, value);
                });
        for (String name : parameters.subList(0, required)) {
            if (!bound.containsKey(name)) {
                throw error("lacks its argument '" + name + "'");
            }
        }
        return new Arguments(List.of(), bound);
    }

    private TemplateException error(String what) {
        return new TemplateException("'" + name + "' " + what);
    }
}
