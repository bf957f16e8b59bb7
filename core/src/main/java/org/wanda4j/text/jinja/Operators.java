package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/// What Python's operators do with the values of a template.
final class Operators {

    private Operators() {}

    /// `left operator right` for `+ - * / // % ** ~`.
    static Object calculate(Scope scope, String operator, Object left, Object right) {
        if (operator.equals("~")) {
            return new Output(scope.work())
                    .append(Values.text(scope, left))
                    .append(Values.text(scope, right))
                    .toString();
        }
        if (operator.equals("%") && left instanceof String format) {
            return StringFormat.percent(scope, format, right);
        }
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return Numbers.calculate(operator, left, right);
        }
        return switch (operator) {
            case "+" -> sum(scope, left, right);
            case "*" ->
                    Numbers.isNumber(left)
                            ? product(scope, right, left)
                            : product(scope, left, right);
            default -> throw unsupported(operator, left, right);
        };
    }

    private static Object sum(Scope scope, Object left, Object right) {
        if (left instanceof String first && right instanceof String second) {
            return new Output(scope.work()).append(first).append(second).toString();
        }
        if (Values.isText(left) && Values.isText(right)) {
            return new Markup(
                    Markup.escaped(scope, left).text() + Markup.escaped(scope, right).text());
        }
        if (left instanceof List<?> first
                && right instanceof List<?> second
                && !(left instanceof Range)
                && Values.type(left).equals(Values.type(right))) {
            List<Object> sum = new ArrayList<>(first);
            sum.addAll(second);
            return left instanceof Tuple ? Tuple.of(sum) : sum;
        }
        throw unsupported("+", left, right);
    }

    private static Object product(Scope scope, Object value, Object factor) {
        if (!(factor instanceof Long || factor instanceof Boolean)) {
            throw unsupported("*", value, factor);
        }
        long times = Numbers.whole(factor);
        return switch (value) {
            case String text -> Texts.repeated(scope, text, times);
            case List<?> list when !(value instanceof Range) -> {
                List<Object> product = new ArrayList<>();
                for (long i = 0; i < times && !list.isEmpty(); i++) {
                    Values.charged(scope, list);
                    product.addAll(list);
                }
                yield list instanceof Tuple ? Tuple.of(product) : product;
            }
            case null, default -> throw unsupported("*", value, factor);
        };
    }

    /// `-value` or `+value`
    static Object signed(String operator, Object value) {
        if (!Numbers.isNumber(value)) {
            throw value instanceof Undefined undefined
                    ? undefined.error()
                    : new TemplateException(
                            "bad operand for '%s': %s".formatted(operator, Values.type(value)));
        }
        return value instanceof Double number
                ? (Object) (operator.equals("-") ? -number : number)
                : Numbers.calculate(operator, 0L, value);
    }

    static boolean compare(Scope scope, String operator, Object left, Object right) {
        return switch (operator) {
            case "==" -> equal(scope, left, right);
            case "!=" -> !equal(scope, left, right);
            case "in" -> contains(scope, right, left);
            case "not in" -> !contains(scope, right, left);
            default -> ordered(scope, operator, left, right);
        };
    }

    private static boolean ordered(Scope scope, String operator, Object left, Object right) {
        if (isNaN(left) || isNaN(right)) {
            order(scope, operator, left, right);
            return false;
        }
        int order = order(scope, operator, left, right);
        return switch (operator) {
            case "<" -> order < 0;
            case "<=" -> order <= 0;
            case ">" -> order > 0;
            default -> order >= 0;
        };
    }

    private static boolean isNaN(Object value) {
        return value instanceof Double number && number.isNaN();
    }

    static boolean equal(Scope scope, Object left, Object right) {
        scope.work().charge(1);
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return !isNaN(left) && !isNaN(right) && Numbers.compare(left, right) == 0;
        }
        return switch (left) {
            case String text ->
                    Values.charged(scope, text)
                            .equals(right instanceof Markup(String marked) ? marked : right);
            case Markup(String text) -> equal(scope, text, right);
            case Undefined _ -> right instanceof Undefined;
            case List<?> list ->
                    right instanceof List<?> other
                            && Values.type(list).equals(Values.type(other))
                            && equal(scope, list, other);
            case Map<?, ?> map -> right instanceof Map<?, ?> other && equal(scope, map, other);
            case View view ->
                    right instanceof View other
                            && !view.type().equals("dict_values")
                            && view.type().equals(other.type())
                            && view.items().size() == other.items().size()
                            && view.items().stream()
                                    .allMatch(item -> contains(scope, other.items(), item));
            case null -> right == null;
            default -> left.equals(right);
        };
    }

    private static boolean equal(Scope scope, List<?> left, List<?> right) {
        boolean equal = left.size() == right.size();
        for (int i = 0; equal && i < left.size(); i++) {
            equal = equal(scope, left.get(i), right.get(i));
        }
        return equal;
    }

    private static boolean equal(Scope scope, Map<?, ?> left, Map<?, ?> right) {
        return left.keySet().equals(right.keySet())
                && left.keySet().stream()
                        .allMatch(key -> equal(scope, left.get(key), right.get(key)));
    }

    /// `value in container`
    static boolean contains(Scope scope, Object container, Object value) {
        return switch (Values.charged(scope, container)) {
            case String text when Values.isText(value) -> {
                String part = Values.text(scope, value);
                Values.chargeSearch(scope, text, part);
                yield text.contains(part);
            }
            case String _ -> throw unsupported("in", value, container);
            case Markup(String text) -> contains(scope, text, value);
            case Map<?, ?> map -> map.containsKey(Values.key(value));
            case null, default -> {
                Iterator<Object> items = Values.iterator(container);
                boolean found = false;
                while (!found && items.hasNext()) {
                    found = equal(scope, items.next(), value);
                }
                yield found;
            }
        };
    }

    /// How two values stand to each other in a sorted list.
    static int order(Scope scope, Object left, Object right) {
        return order(scope, "<", left, right);
    }

    private static int order(Scope scope, String operator, Object left, Object right) {
        scope.work().charge(1);
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return Numbers.compare(left, right);
        }
        if (Values.isText(left) && Values.isText(right)) {
            String first = Values.text(scope, left);
            Values.charged(scope, first);
            return Texts.compare(first, Values.text(scope, right));
        }
        if (left instanceof List<?> first
                && right instanceof List<?> second
                && !(left instanceof Range)
                && Values.type(left).equals(Values.type(right))) {
            for (int i = 0; i < Math.min(first.size(), second.size()); i++) {
                if (!equal(scope, first.get(i), second.get(i))) {
                    return order(scope, operator, first.get(i), second.get(i));
                }
            }
            return Integer.compare(first.size(), second.size());
        }
        throw unsupported(operator, left, right);
    }

    private static TemplateException unsupported(String operator, Object left, Object right) {
        for (Object operand : new Object[] {left, right}) {
            if (operand instanceof Undefined undefined) {
                return undefined.error();
            }
        }
        return new TemplateException(
                "'%s' is not possible between %s and %s"
                        .formatted(operator, Values.type(left), Values.type(right)));
    }
}
