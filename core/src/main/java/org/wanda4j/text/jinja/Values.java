package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/// What Python's operators do with the values of a template.
final class Values {

    private Values() {}

    /// `value`, once its size has been charged.
    static Object charged(Scope scope, Object value) {
        scope.budget()
                .charge(
                        1
                                + switch (value) {
                                    case String text -> text.length();
                                    case List<?> list -> Budget.ITEM * (long) list.size();
                                    case Map<?, ?> map -> Budget.ITEM * (long) map.size();
                                    case null, default -> 0;
                                });
        return value;
    }

    /// Charges what looking for every `part` of `text` may cost.
    static void chargeSearch(Scope scope, String text, String part) {
        scope.budget().charge(text.length() * (1L + part.length() / 8));
    }

    private static Object charged(Scope scope, Object receiver, Function method) {
        charged(scope, receiver);
        return method;
    }

    static boolean isTrue(Object value) {
        return switch (value) {
            case null -> false;
            case Boolean truth -> truth;
            case Long number -> number != 0;
            case Double number -> number != 0;
            case String text -> !text.isEmpty();
            case List<?> list -> !list.isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            case Undefined _ -> false;
            default -> true;
        };
    }

    /// As Python's `str` gives it.
    static String text(Scope scope, Object value) {
        return switch (value) {
            case String text -> text;
            case Undefined _ -> "";
            case null, default -> {
                var output = new Output(scope.budget());
                Json.PYTHON.write(value, output);
                yield output.toString();
            }
        };
    }

    /// What a loop goes through: characters of a text, keys of a map.
    static List<Object> items(Object value) {
        return switch (value) {
            case List<?> list -> Collections.unmodifiableList(list);
            case Map<?, ?> map -> List.copyOf(map.keySet());
            case String text ->
                    text.codePoints()
                            .mapToObj(Character::toString)
                            .map(Object.class::cast)
                            .toList();
            case Undefined _ -> List.of();
            case null, default ->
                    throw new TemplateException("something is iterated that is no list");
        };
    }

    /// `value.name`: a method, or else an entry.
    static Object attribute(Scope scope, Object value, String name) {
        if (value instanceof Undefined undefined) {
            throw undefined.error();
        }
        Function method = Methods.of(value, name);
        return method != null ? charged(scope, value, method) : item(scope, value, name);
    }

    /// `value[key]`
    static Object item(Scope scope, Object value, Object key) {
        return switch (value) {
            case Map<?, ?> map when key instanceof String name && map.containsKey(name) ->
                    map.get(name);
            case List<?> list when key instanceof Long index -> at(list, index);
            case String text when key instanceof Long index ->
                    at(items(charged(scope, text)), index);
            case Undefined undefined -> throw undefined.error();
            case null, default -> new Undefined(String.valueOf(key));
        };
    }

    private static Object at(List<?> list, long index) {
        long place = index < 0 ? index + list.size() : index;
        return place >= 0 && place < list.size()
                ? list.get((int) place)
                : new Undefined("item " + index);
    }

    /// `value[from:to:step]`; a bound that is absent is null.
    static Object slice(Object value, Object from, Object to, Object step) {
        if (value instanceof String text) {
            var slice = new StringBuilder();
            slice(items(text), from, to, step).forEach(slice::append);
            return slice.toString();
        }
        return slice(items(value), from, to, step);
    }

    private static List<Object> slice(List<Object> list, Object from, Object to, Object step) {
        long stride = step == null ? 1 : whole(step);
        if (stride == 0) {
            throw new TemplateException("a slice has step 0");
        }
        int size = list.size();
        long first = stride > 0 ? 0 : -1;
        long last = stride > 0 ? size : size - 1L;
        long start = from == null ? (stride > 0 ? 0 : last) : clamp(from, size, first, last);
        long end = to == null ? (stride > 0 ? size : -1) : clamp(to, size, first, last);
        List<Object> slice = new ArrayList<>();
        for (long i = start; stride > 0 ? i < end : i > end; i += stride) {
            slice.add(list.get((int) i));
        }
        return slice;
    }

    private static long clamp(Object bound, int size, long first, long last) {
        long place = whole(bound);
        return Math.clamp(place < 0 ? place + size : place, first, last);
    }

    /// `value` as a whole number.
    static long whole(Object value) {
        return switch (value) {
            case Long number -> number;
            case Boolean truth -> truth ? 1 : 0;
            case Undefined undefined -> throw undefined.error();
            case null, default -> throw new TemplateException("a whole number is missing");
        };
    }

    static boolean compare(Scope scope, String operator, Object left, Object right) {
        return switch (operator) {
            case "==" -> equal(scope, left, right);
            case "!=" -> !equal(scope, left, right);
            case "in" -> contains(scope, right, left);
            case "not in" -> !contains(scope, right, left);
            case "<" -> order(scope, left, right) < 0;
            case "<=" -> order(scope, left, right) <= 0;
            case ">" -> order(scope, left, right) > 0;
            default -> order(scope, left, right) >= 0;
        };
    }

    static boolean equal(Scope scope, Object left, Object right) {
        scope.budget().charge(1);
        if (isNumber(left) && isNumber(right)) {
            return number(left) == number(right);
        }
        return switch (left) {
            case String text -> charged(scope, text).equals(right);
            case Undefined _ -> right instanceof Undefined;
            case List<?> list -> right instanceof List<?> other && equal(scope, list, other);
            case Map<?, ?> map -> right instanceof Map<?, ?> other && equal(scope, map, other);
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

    static boolean contains(Scope scope, Object container, Object value) {
        return switch (charged(scope, container)) {
            case String text when value instanceof String part -> {
                chargeSearch(scope, text, part);
                yield text.contains(part);
            }
            case Map<?, ?> map -> value instanceof String name && map.containsKey(name);
            case null, default ->
                    items(container).stream().anyMatch(item -> equal(scope, item, value));
        };
    }

    static int order(Scope scope, Object left, Object right) {
        if (left instanceof String first && right instanceof String second) {
            charged(scope, first);
            return first.compareTo(second);
        }
        return Double.compare(number(left), number(right));
    }

    static boolean isNumber(Object value) {
        return value instanceof Long || value instanceof Double || value instanceof Boolean;
    }

    static double number(Object value) {
        return value instanceof Double number ? number : whole(value);
    }

    /// `left operator right` for texts, lists and numbers.
    static Object calculate(Scope scope, String operator, Object left, Object right) {
        if (operator.equals("~")) {
            return new Output(scope.budget())
                    .append(text(scope, left))
                    .append(text(scope, right))
                    .toString();
        }
        if (operator.equals("+")
                && left instanceof String first
                && right instanceof String second) {
            return new Output(scope.budget()).append(first).append(second).toString();
        }
        if (operator.equals("+") && left instanceof List<?> && right instanceof List<?>) {
            List<Object> sum = new ArrayList<>(items(left));
            sum.addAll(items(right));
            return sum;
        }
        if (operator.equals("*") && left instanceof String text) {
            var repeated = new Output(scope.budget());
            for (long i = whole(right); i > 0; i--) {
                scope.budget().charge(1);
                repeated.append(text);
            }
            return repeated.toString();
        }
        boolean fractions = left instanceof Double || right instanceof Double;
        return fractions || operator.equals("/")
                ? fraction(operator, number(left), number(right))
                : (Object) whole(operator, whole(left), whole(right));
    }

    private static double fraction(String operator, double left, double right) {
        return switch (operator) {
            case "+" -> left + right;
            case "-" -> left - right;
            case "*" -> left * right;
            case "/" -> left / nonZero(right);
            case "//" -> Math.floor(left / nonZero(right));
            default -> left - right * Math.floor(left / nonZero(right));
        };
    }

    private static long whole(String operator, long left, long right) {
        try {
            return switch (operator) {
                case "+" -> Math.addExact(left, right);
                case "-" -> Math.subtractExact(left, right);
                case "*" -> Math.multiplyExact(left, right);
                case "//" -> Math.floorDiv(left, nonZero(right));
                default -> Math.floorMod(left, nonZero(right));
            };
        } catch (ArithmeticException e) {
            throw new TemplateException("a number becomes too large");
        }
    }

    private static long nonZero(long divisor) {
        nonZero((double) divisor);
        return divisor;
    }

    private static double nonZero(double divisor) {
        if (divisor == 0) {
            throw new TemplateException("a division by zero");
        }
        return divisor;
    }
}
