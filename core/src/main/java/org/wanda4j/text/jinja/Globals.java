package org.wanda4j.text.jinja;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/// What every template can call.
final class Globals {

    static final Map<String, Object> ALL =
            Map.of(
                    "range", (Function) Globals::range,
                    "namespace", (Function) (_, arguments) -> new Namespace(map(arguments)),
                    "dict", (Function) (_, arguments) -> map(arguments),
                    "joiner", (Function) (_, arguments) -> joiner(arguments),
                    "cycler", (Function) (_, arguments) -> cycler(arguments),
                    "raise_exception", (Function) Globals::raise);

    private Globals() {}

    /// Values that a loop may change for what is outside of it.
    record Namespace(Map<String, Object> values) implements Members {

        @Override
        public Object member(String name) {
            return values.containsKey(name) ? values.get(name) : Undefined.member(this, name);
        }

        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }

    /// What `cycler` gives.
    private record Cycler(List<Object> items, AtomicInteger place) implements Members {

        @Override
        public Object member(String name) {
            return switch (name) {
                case "current" -> current();
                case "next" ->
                        (Function)
                                (_, _) -> {
                                    Object current = current();
                                    place.incrementAndGet();
                                    return current;
                                };
                case "reset" ->
                        (Function)
                                (_, _) -> {
                                    place.set(0);
                                    return null;
                                };
                default -> Undefined.member(this, name);
            };
        }

        private Object current() {
            return items.get(place.get() % items.size());
        }
    }

    private static Object cycler(Arguments arguments) {
        if (arguments.count() == 0) {
            throw new TemplateException("'cycler' lacks items");
        }
        return new Cycler(arguments.positional(), new AtomicInteger());
    }

    /// A function that gives nothing at first, and then the separator.
    private static Function joiner(Arguments arguments) {
        Object separator = Signature.of("joiner(sep=)").bind(arguments).get("sep", ", ");
        var calls = new AtomicInteger();
        return (_, _) -> calls.getAndIncrement() == 0 ? "" : separator;
    }

    /// Python's `dict`: of a map or pairs, and of what is named.
    private static Map<String, Object> map(Arguments arguments) {
        Map<String, Object> map = new LinkedHashMap<>();
        if (arguments.count() > 1) {
            throw new TemplateException("'dict' takes at most 1 argument by place");
        }
        for (Object given : arguments.positional()) {
            List<Object> pairs =
                    given instanceof Map<?, ?> of
                            ? BuiltinMethods.entries(of)
                            : Values.items(given);
            for (Object pair : pairs) {
                List<Object> both = Values.items(pair);
                if (both.size() != 2) {
                    throw new TemplateException("'dict' takes pairs");
                }
                map.put(Values.string(both.getFirst()), both.getLast());
            }
        }
        map.putAll(arguments.named());
        return map;
    }

    private static Object range(Scope scope, Arguments given) {
        List<Long> bounds = given.positional().stream().map(Numbers::whole).toList();
        if (!given.named().isEmpty()) {
            throw new TemplateException("'range' takes no arguments by name");
        }
        Range range =
                switch (bounds.size()) {
                    case 1 -> new Range(0, bounds.getFirst(), 1);
                    case 2 -> new Range(bounds.getFirst(), bounds.getLast(), 1);
                    case 3 -> new Range(bounds.getFirst(), bounds.get(1), bounds.getLast());
                    default -> throw new TemplateException("'range' takes 1 to 3 arguments");
                };
        scope.work().charge(WorkLimit.ITEM * (long) range.size());
        return range;
    }

    private static Object raise(Scope scope, Arguments arguments) {
        Object message = Signature.of("raise_exception(message)").bind(arguments).get("message");
        throw new TemplateException(Values.text(scope, message).lines().findFirst().orElse(""));
    }
}
