package org.wanda4j.text.jinja;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Python's two ways to fill a text with values: `'%s' % value` and `'{}'.format(value)`.
final class StringFormat {

    private static final Pattern PERCENT =
            Pattern.compile(
                    "%(?:\\((?<key>[^)]*)\\))?(?<flags>[-+ #0]*)(?<width>\\*|\\d*)"
                            + "(?:\\.(?<precision>\\*|\\d*))?[hlL]?(?<type>.)?",
                    Pattern.DOTALL);
    private static final Pattern BRACES =
            Pattern.compile(
                    "\\{\\{|}}|\\{(?<name>[^{}\\[.!:]*)(?<path>(?:\\.[^{}\\[.!:]+|\\[[^\\]{}]+])*)"
                            + "(?:!(?<conversion>[sr]))?(?::(?<spec>[^{}]*))?}|[{}]");
    private static final Pattern STEP = Pattern.compile("\\.([^.\\[]+)|\\[([^\\]]+)]");

    private StringFormat() {}

    /// `format % values`: a tuple gives a value for each place, a map one for each name.
    static String percent(Scope scope, String format, Object values) {
        var out = new Output(scope.work());
        Values.charged(scope, format);
        List<?> given = values instanceof Tuple tuple ? tuple : Collections.singletonList(values);
        int next = 0;
        int from = 0;
        Matcher place = PERCENT.matcher(format);
        while (place.find(from)) {
            out.append(format.substring(from, place.start()));
            from = place.end();
            String type = place.group("type");
            if (type == null) {
                throw new TemplateException("a format ends behind '%'");
            }
            if (type.equals("%")) {
                out.append("%");
                continue;
            }
            String key = place.group("key");
            String digits = place.group("precision");
            long width =
                    "*".equals(place.group("width"))
                            ? Numbers.whole(next(given, next++))
                            : number(place.group("width"), 0);
            long precision =
                    "*".equals(digits)
                            ? Math.max(0, Numbers.whole(next(given, next++)))
                            : number(digits, digits == null ? -1 : 0);
            Object value = key == null ? next(given, next++) : named(values, key);
            next = key == null ? next : given.size();
            FormatSpec.percent(place.group("flags"), width, precision, type.charAt(0))
                    .writePercent(scope, value, out);
        }
        if (next < given.size() && !looksLikeMap(values)) {
            throw new TemplateException("not all values of a format are used");
        }
        return out.append(format.substring(from)).toString();
    }

    /// Whether Python takes `values` for a map, which may have more than a format needs.
    private static boolean looksLikeMap(Object values) {
        return values instanceof Map
                || values instanceof Undefined
                || (values instanceof List && !(values instanceof Tuple));
    }

    private static long number(String digits, long fallback) {
        if (digits == null || digits.isEmpty()) {
            return fallback;
        }
        return digits.length() > 9 ? FormatSpec.WIDEST + 1L : Long.parseLong(digits);
    }

    private static Object next(List<?> values, int index) {
        if (index >= values.size()) {
            throw new TemplateException("a format has fewer values than places");
        }
        return values.get(index);
    }

    private static Object named(Object values, String name) {
        if (!(values instanceof Map<?, ?> map) || !map.containsKey(name)) {
            throw new TemplateException("a format has no value '" + name + "'");
        }
        return map.get(name);
    }

    /// The method `format`.
    static String braces(Scope scope, String format, Arguments values) {
        var out = new Output(scope.work());
        int next = 0;
        int from = 0;
        Matcher place = BRACES.matcher(format);
        boolean counted = false;
        boolean numbered = false;
        while (place.find()) {
            out.append(format.substring(from, place.start()));
            from = place.end();
            switch (place.group()) {
                case "{{" -> out.append("{");
                case "}}" -> out.append("}");
                case "{", "}" ->
                        throw new TemplateException(
                                "a format has a brace of its own, or one in another");
                default -> {
                    String name = place.group("name");
                    counted |= name.isEmpty();
                    numbered |= !name.isEmpty() && name.chars().allMatch(Character::isDigit);
                    if (counted && numbered) {
                        throw new TemplateException("a format counts its places and numbers them");
                    }
                    Object value = argument(values, name.isEmpty() ? String.valueOf(next++) : name);
                    write(scope, steps(scope, value, place.group("path")), place, out);
                }
            }
        }
        return out.append(format.substring(from)).toString();
    }

    private static Object argument(Arguments values, String name) {
        if (name.chars().allMatch(Character::isDigit)) {
            long index = number(name, 0);
            return next(values.positional(), (int) Math.min(index, Integer.MAX_VALUE));
        }
        if (!values.has(name)) {
            throw new TemplateException("a format has no value '" + name + "'");
        }
        return values.get(name);
    }

    private static Object steps(Scope scope, Object value, String path) {
        Object result = value;
        Matcher step = STEP.matcher(path);
        while (step.find()) {
            String key = step.group(2);
            result =
                    key == null
                            ? Lookup.attribute(result, step.group(1))
                            : Lookup.item(
                                    scope,
                                    result,
                                    key.chars().allMatch(Character::isDigit)
                                            ? (Object) number(key, 0)
                                            : key);
            if (result instanceof Undefined undefined) {
                throw undefined.error();
            }
        }
        return result;
    }

    private static void write(Scope scope, Object value, Matcher place, Output out) {
        String conversion = place.group("conversion");
        Object converted = value;
        if ("s".equals(conversion)) {
            converted = Values.text(scope, value);
        } else if (conversion != null) {
            var text = new Output(scope.work());
            Repr.write(value, text);
            converted = text.toString();
        }
        String spec = place.group("spec");
        FormatSpec.of(spec == null ? "" : spec).write(scope, converted, out);
    }
}
