package org.wanda4j.text.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;

/// What stands behind `|`: filters of any value, and those of [TextFilters] and [ListFilters].
final class Filters {

    private static final NamedOperations<Object> ALL = new NamedOperations<>("filter");

    static {
        ALL.add("default(default_value=, boolean=)", Filters::orDefault)
                .alias("default", "d")
                .add("tojson(ensure_ascii=, indent=, separators=, sort_keys=)", JsonFilter::filter)
                .add(
                        "attr(name)",
                        (scope, value, given) ->
                                Lookup.pureAttribute(value, Values.text(scope, given.get("name"))))
                .add("length()", (_, value, _) -> Values.length(value))
                .alias("length", "count")
                .add("abs()", (_, value, _) -> absolute(value))
                .add("int(default=, base=)", (_, value, given) -> whole(value, given))
                .add("float(default=)", (_, value, given) -> fraction(value, given))
                .add("round(precision=, method=)", (_, value, given) -> rounded(value, given))
                .add("filesizeformat(binary=)", (_, value, given) -> fileSize(value, given));
        TextFilters.addTo(ALL);
        ListFilters.addTo(ALL);
        for (String web :
                List.of("pprint", "random", "striptags", "urlize", "wordwrap", "xmlattr")) {
            ALL.add(
                    web + "(*)",
                    (_, _, _) -> {
                        throw new TemplateException(
                                "the filter '" + web + "' is not supported in chat templates");
                    });
        }
    }

    private Filters() {}

    /// What the filter `name` makes of `value`.
    static Object apply(Scope scope, String name, Object value, Arguments arguments) {
        return Values.charged(
                scope, ALL.named(name).apply(scope, Values.charged(scope, value), arguments));
    }

    static boolean exists(String name) {
        return ALL.find(name).isPresent();
    }

    private static Object orDefault(Scope scope, Object value, Arguments given) {
        boolean absent =
                value instanceof Undefined || (given.isTrue("boolean") && !Values.isTrue(value));
        return absent ? given.get("default_value", "") : value;
    }

    private static Object absolute(Object value) {
        if (value instanceof Double number) {
            return Math.abs(number);
        }
        long whole = Numbers.whole(value);
        return whole < 0 ? Numbers.calculate("-", 0L, whole) : whole;
    }

    private static Object whole(Object value, Arguments given) {
        Object fallback = given.get("default", 0L);
        int base = Math.clamp(given.whole("base", 10), -1, 37);
        return switch (value) {
            case Long number -> number;
            case Boolean truth -> truth ? 1L : 0L;
            case Double number when Double.isFinite(number) -> Numbers.truncated(number);
            case String text -> {
                var whole = Numbers.parseWhole(text, base);
                yield whole.isPresent()
                        ? (Object) whole.get()
                        : Numbers.parseFraction(text)
                                .filter(Double::isFinite)
                                .<Object>map(Numbers::truncated)
                                .orElse(fallback);
            }
            case Undefined undefined -> throw undefined.error();
            case null, default -> fallback;
        };
    }

    private static Object fraction(Object value, Arguments given) {
        Object fallback = given.get("default", 0.0);
        return switch (value) {
            case Long _, Boolean _, Double _ -> Numbers.fraction(value);
            case String text -> Numbers.parseFraction(text).<Object>map(it -> it).orElse(fallback);
            case Undefined undefined -> throw undefined.error();
            case null, default -> fallback;
        };
    }

    private static Object rounded(Object value, Arguments given) {
        if (!Numbers.isNumber(value)) {
            Numbers.whole(value);
        }
        int precision = Math.clamp(given.whole("precision", 0), -400, 400);
        String method = given.text("method", "common");
        if (method.equals("common")) {
            return Numbers.rounded(value, precision);
        }
        double unit = Math.pow(10, precision);
        double scaled = Numbers.fraction(value) * unit;
        if (!Double.isFinite(scaled) || unit == 0) {
            throw Numbers.tooLarge();
        }
        double moved =
                switch (method) {
                    case "ceil" -> Math.ceil(scaled);
                    case "floor" -> Math.floor(scaled);
                    default ->
                            throw new TemplateException("'round' does not know '" + method + "'");
                };
        return moved / unit + 0.0;
    }

    private static String fileSize(Object value, Arguments given) {
        boolean binary = given.isTrue("binary");
        double bytes =
                value instanceof String text
                        ? Numbers.parseFraction(text)
                                .orElseThrow(() -> new TemplateException("a size is no number"))
                        : Numbers.fraction(value);
        double base = binary ? 1024 : 1000;
        if (bytes == 1) {
            return "1 Byte";
        }
        if (bytes < base || !Double.isFinite(bytes)) {
            return Numbers.truncated(bytes) + " Bytes";
        }
        String prefixes = "kMGTPEZY";
        double unit = base;
        int i = 0;
        while (i < prefixes.length() - 1 && bytes >= unit * base) {
            unit *= base;
            i++;
        }
        String prefix = prefixes.substring(i, i + 1);
        return "%s %s"
                .formatted(
                        new BigDecimal(base * bytes / (unit * base))
                                .setScale(1, RoundingMode.HALF_EVEN),
                        binary ? prefix.toUpperCase(Locale.ROOT) + "iB" : prefix + "B");
    }
}
