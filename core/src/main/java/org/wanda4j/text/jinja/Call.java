package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// `of(a, b, key=c, *more, **named)`, not evaluated yet.
record Call(Expression of, Given given) implements Expression {

    /// What stands in the parentheses.
    record Given(
            List<Expression> positional,
            Map<String, Expression> named,
            Optional<Expression> more,
            Optional<Expression> moreNamed) {

        static final Given NOTHING = of(List.of());

        static Given of(List<Expression> positional) {
            return new Given(positional, Map.of(), Optional.empty(), Optional.empty());
        }

        Given with(String name, Expression value) {
            Map<String, Expression> all = new LinkedHashMap<>(named);
            all.put(name, value);
            return new Given(positional, all, more, moreNamed);
        }

        Arguments arguments(Scope scope) {
            List<Object> values = new ArrayList<>();
            positional.forEach(each -> values.add(each.value(scope)));
            more.ifPresent(all -> values.addAll(Values.items(all.value(scope))));
            Map<String, Object> byName = new LinkedHashMap<>();
            named.forEach((name, each) -> byName.put(name, each.value(scope)));
            moreNamed.ifPresent(all -> addNamed(all.value(scope), byName));
            scope.work().charge(WorkLimit.ITEM * (long) (values.size() + byName.size()));
            return new Arguments(values, byName);
        }

        private static void addNamed(Object all, Map<String, Object> byName) {
            if (!(all instanceof Map<?, ?> map)) {
                throw new TemplateException("what stands behind '**' is no map");
            }
            map.forEach((name, value) -> {
                if (byName.putIfAbsent(Values.string(name), value) != null) {
                    throw new TemplateException("an argument is given twice: '" + name + "'");
                }
            });
        }
    }

    @Override
    public Object value(Scope scope) {
        Object called = of.value(scope);
        if (!(called instanceof Function function)) {
            throw called instanceof Undefined undefined
                    ? undefined.error()
                    : new TemplateException("'" + Values.type(called) + "' object is called");
        }
        scope.work().charge(1);
        return Values.charged(scope, function.call(scope, given.arguments(scope)));
    }
}
