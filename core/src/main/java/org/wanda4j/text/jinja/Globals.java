package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What every template can call.
final class Globals {

    static final Map<String, Object> ALL =
            Map.of(
                    "range", (Function) Globals::range,
                    "namespace", (Function) (_, arguments) -> new Namespace(arguments.named()),
                    "dict", (Function) (_, arguments) -> new LinkedHashMap<>(arguments.named()),
                    "raise_exception", (Function) Globals::raise);

    private Globals() {}

    /// Values that a loop may change for what is outside of it.
    static final class Namespace extends LinkedHashMap<String, Object> {

        private static final long serialVersionUID = 1L;

        Namespace(Map<String, Object> values) {
            super(values);
        }

        static Namespace of(Object value) {
            if (value instanceof Namespace namespace) {
                return namespace;
            }
            throw new TemplateException("an attribute is set of something that is no namespace");
        }
    }

    private static Object range(Scope scope, Arguments arguments) {
        boolean one = arguments.count() == 1;
        long from = one ? 0 : Values.whole(arguments.get(0));
        long to = Values.whole(arguments.get(one ? 0 : 1));
        long step = Values.whole(arguments.get(2, "step", 1L));
        if (step == 0) {
            throw new TemplateException("a range has step 0");
        }
        List<Object> range = new ArrayList<>();
        for (long i = from; step > 0 ? i < to : i > to; i += step) {
            scope.budget().charge(Budget.ITEM);
            range.add(i);
        }
        return range;
    }

    private static Object raise(Scope scope, Arguments arguments) {
        throw new TemplateException(
                Values.text(scope, arguments.get(0)).lines().findFirst().orElse(""));
    }
}
