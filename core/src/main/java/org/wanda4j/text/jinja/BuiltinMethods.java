package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Python's methods of texts, lists and maps, as far as they change nothing.
final class BuiltinMethods {

    private static final NamedOperations<Map<?, ?>> MAPS =
            new NamedOperations<Map<?, ?>>("method")
                    .add("get(key, default=, /)", BuiltinMethods::get)
                    .add(
                            "keys()",
                            (_, map, _) -> new View("dict_keys", new ArrayList<>(map.keySet())))
                    .add(
                            "values()",
                            (_, map, _) -> new View("dict_values", new ArrayList<>(map.values())))
                    .add("items()", (_, map, _) -> new View("dict_items", entries(map)))
                    .add("copy()", (_, map, _) -> new LinkedHashMap<>(map));

    /// What Python's maps have besides, which is no entry then, and which the sandbox forbids.
    private static final Set<String> REFUSED =
            Set.of("clear", "fromkeys", "pop", "popitem", "setdefault", "update");

    private static final NamedOperations<List<?>> LISTS =
            new NamedOperations<List<?>>("method")
                    .add("count(value, /)", BuiltinMethods::count)
                    .add("index(value, start=, stop=, /)", BuiltinMethods::index)
                    .add("copy()", (_, list, _) -> new ArrayList<>(list));

    private static final NamedOperations<Double> FLOATS =
            new NamedOperations<Double>("method")
                    .add("is_integer()", (_, number, _) -> number == Math.rint(number));

    private BuiltinMethods() {}

    /// Method `name` of `value`.
    static Optional<Function> of(Object value, String name) {
        return switch (value) {
            case String text -> bound(text, TextMethods.ALL, name);
            case Map<?, ?> map -> bound(map, MAPS, name);
            case List<?> list -> bound(list, LISTS, name);
            case Double number -> bound(number, FLOATS, name);
            case Markup _ ->
                    throw new TemplateException(
                            "'%s' of a text marked as safe is not supported".formatted(name));
            case null, default -> Optional.empty();
        };
    }

    /// Whether `name` is something of Python's maps that a template may not use.
    static boolean isRefused(String name) {
        return REFUSED.contains(name);
    }

    private static <T> Optional<Function> bound(T value, NamedOperations<T> methods, String name) {
        return methods.find(name)
                .map(method ->
                        (caller, arguments) -> {
                            Values.charged(caller, value);
                            return method.apply(caller, value, arguments);
                        });
    }

    /// The entries of a map, each a pair.
    static List<Object> entries(Map<?, ?> map) {
        List<Object> entries = new ArrayList<>();
        map.forEach((key, value) -> entries.add(Tuple.of(key, value)));
        return entries;
    }

    private static Object get(Scope scope, Map<?, ?> map, Arguments given) {
        Object key = Values.key(given.get("key"));
        return map.containsKey(key) ? map.get(key) : given.get("default");
    }

    private static Object count(Scope scope, List<?> list, Arguments given) {
        return list.stream()
                .filter(item -> Operators.equal(scope, item, given.get("value")))
                .count();
    }

    private static Object index(Scope scope, List<?> list, Arguments given) {
        long start = given.whole("start", 0);
        long stop = given.whole("stop", list.size());
        long from = Math.max(0, start < 0 ? start + list.size() : start);
        long to = Math.min(list.size(), stop < 0 ? stop + list.size() : stop);
        for (long i = from; i < to; i++) {
            if (Operators.equal(scope, list.get((int) i), given.get("value"))) {
                return i;
            }
        }
        throw new TemplateException("a list does not have the item that is looked for");
    }
}
