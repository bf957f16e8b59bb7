package org.wanda4j.text.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// How a value is written at its place in a format.
///
/// @param fill       what the width is filled with
/// @param align      `<`, `>`, `^`, `=` for a fill behind the sign, or a blank for the type's own
/// @param sign       `-`, or `+` or a blank for what stands before numbers that are not negative
/// @param prefixed   whether other bases show theirs
/// @param width      at least so many characters
/// @param group      `,` or `_` between thousands, or a blank
/// @param precision  digits behind the point, or the most characters of a text; -1 for the type's own
/// @param type       Python's letter, or a blank
record FormatSpec(
        String fill,
        char align,
        char sign,
        boolean prefixed,
        long width,
        char group,
        int precision,
        char type) {

    static final int WIDEST = 10_000;

    private static final char NONE = ' ';
    private static final Pattern SPEC =
            Pattern.compile(
                    "(?:(?<fill>.)?(?<align>[<>=^]))?(?<sign>[-+"
                            + " ])?(?<prefixed>#)?(?<zero>0)?(?<width>\\d{0,6})"
                            + "(?<group>[,_])?(?:\\.(?<precision>\\d{1,6}))?(?<type>[bcdeEfFgGnosxX%])?",
                    Pattern.DOTALL);

    FormatSpec {
        if (width > WIDEST || precision > WIDEST) {
            throw new TemplateException("a format is wider than " + WIDEST);
        }
    }

    /// What stands behind the colon in `{:>8.2f}`.
    static FormatSpec of(String written) {
        Matcher spec = SPEC.matcher(written);
        if (!spec.matches()) {
            throw new TemplateException("'" + written + "' is no format");
        }
        boolean zero = spec.group("zero") != null;
        String align = spec.group("align") == null ? (zero ? "=" : " ") : spec.group("align");
        String fill = spec.group("fill") == null ? (zero ? "0" : " ") : spec.group("fill");
        return new FormatSpec(
                fill,
                align.charAt(0),
                letter(spec.group("sign"), '-'),
                spec.group("prefixed") != null,
                spec.group("width").isEmpty() ? 0 : Long.parseLong(spec.group("width")),
                letter(spec.group("group"), NONE),
                spec.group("precision") == null ? -1 : Integer.parseInt(spec.group("precision")),
                letter(spec.group("type"), NONE));
    }

    private static char letter(String group, char fallback) {
        return group == null || group.isEmpty() ? fallback : group.charAt(0);
    }

    /// What stands behind `%`.
    static FormatSpec percent(String flags, long width, long precision, char type) {
        boolean left = flags.contains("-") || width < 0;
        boolean zero = flags.contains("0") && !left && "src".indexOf(type) < 0;
        char sign = flags.contains("+") ? '+' : flags.contains(" ") ? ' ' : '-';
        return new FormatSpec(
                zero ? "0" : " ",
                left ? '<' : zero ? '=' : '>',
                sign,
                flags.contains("#"),
                Math.abs(width),
                NONE,
                (int) Math.min(precision, WIDEST + 1L),
                type);
    }

    /// Writes what `%` and its letter make of `value`.
    void writePercent(Scope scope, Object value, Output out) {
        switch (type) {
            case 's', 'r' -> {
                var text = new Output(scope.work());
                if (type == 's') {
                    text.append(Values.text(scope, value));
                } else {
                    Repr.write(value, text);
                }
                pad(scope, "", cut(text.toString()), out);
            }
            case 'c' ->
                    pad(
                            scope,
                            "",
                            value instanceof String text && Texts.length(text) == 1
                                    ? text
                                    : character(Numbers.whole(value)),
                            out);
            case 'd', 'i', 'u' -> {
                long whole =
                        value instanceof Double number
                                ? Numbers.truncated(number)
                                : Numbers.whole(value);
                padDigits(scope, BigInteger.valueOf(whole), "", 10, out);
            }
            case 'x', 'X', 'o' ->
                    padDigits(
                            scope, BigInteger.valueOf(Numbers.whole(value)), prefix(), base(), out);
            case 'e', 'E', 'f', 'F', 'g', 'G' ->
                    writeFraction(scope, Numbers.fraction(value), type, out);
            default -> throw new TemplateException("'%" + type + "' is no format");
        }
    }

    /// Writes what a place in braces makes of `value`.
    void write(Scope scope, Object value, Output out) {
        boolean plain = equals(of(""));
        switch (value) {
            case Boolean truth when !plain && type != 's' ->
                    writeNumber(scope, truth ? 1L : 0L, out);
            case Long _, Double _ when type != 's' -> writeNumber(scope, value, out);
            case String text
                    when (type == 's' || type == NONE)
                            && align != '='
                            && group == NONE
                            && sign == '-'
                            && !prefixed ->
                    (align == NONE ? aligned('<') : this).pad(scope, "", cut(text), out);
            case null, default -> {
                if (!plain) {
                    throw new TemplateException(
                            "a format for a value of type '" + Values.type(value) + "'");
                }
                out.append(Values.text(scope, value));
            }
        }
    }

    private void writeNumber(Scope scope, Object value, Output out) {
        FormatSpec numbers = align == NONE ? aligned('>') : this;
        boolean whole = value instanceof Long && "eEfFgG%".indexOf(type) < 0;
        if (whole && precision >= 0) {
            throw new TemplateException("a whole number is written with a precision");
        }
        if (!whole && "eEfFgG% n".indexOf(type) < 0) {
            throw new TemplateException("'" + type + "' is no format of a fraction");
        }
        if (group != NONE && fill.equals("0") && align == '=') {
            throw new TemplateException("zeros and thousands in one format are not supported");
        }
        if (!whole) {
            numbers.writeFraction(scope, Numbers.fraction(value), type, out);
        } else if (type == 'c') {
            numbers.aligned(align == NONE ? '<' : align)
                    .pad(scope, "", character((Long) value), out);
        } else {
            numbers.padDigits(scope, BigInteger.valueOf((Long) value), prefix(), base(), out);
        }
    }

    private FormatSpec aligned(char other) {
        return new FormatSpec(fill, other, sign, prefixed, width, group, precision, type);
    }

    private static String character(long code) {
        if (code < 0 || code > Character.MAX_CODE_POINT) {
            throw new TemplateException("there is no character " + code);
        }
        return Character.toString((int) code);
    }

    private String cut(String text) {
        return precision < 0 || Texts.length(text) <= precision
                ? text
                : text.substring(0, text.offsetByCodePoints(0, precision));
    }

    private int base() {
        return switch (type) {
            case 'b' -> 2;
            case 'o' -> 8;
            case 'x', 'X' -> 16;
            default -> 10;
        };
    }

    private String prefix() {
        return prefixed && base() != 10 ? "0" + type : "";
    }

    private void padDigits(Scope scope, BigInteger value, String prefix, int base, Output out) {
        String digits = value.abs().toString(base);
        digits = type == 'X' ? digits.toUpperCase(Locale.ROOT) : digits;
        digits = Texts.padded(scope, digits, "0", precision - digits.length(), 0);
        pad(scope, sign(value.signum() < 0) + prefix, grouped(digits, base == 10 ? 3 : 4), out);
    }

    private String sign(boolean negative) {
        return negative ? "-" : sign == '-' ? "" : String.valueOf(sign);
    }

    private String grouped(String number, int size) {
        if (group == NONE) {
            return number;
        }
        int point = number.indexOf('.');
        int end = point < 0 ? number.length() : point;
        var grouped = new StringBuilder(number);
        for (int i = end - size; i > 0; i -= size) {
            grouped.insert(i, group);
        }
        return grouped.toString();
    }

    private void writeFraction(Scope scope, double value, char letter, Output out) {
        boolean negative = value < 0 || (value == 0 && 1 / value < 0);
        char lower = Character.toLowerCase(letter);
        String text;
        if (!Double.isFinite(value)) {
            text = Double.isNaN(value) ? "nan" : "inf";
        } else {
            var exact = new BigDecimal(Math.abs(value));
            int digits = precision < 0 ? 6 : precision;
            text =
                    switch (lower) {
                        case 'f' -> fixed(exact, digits);
                        case '%' -> fixed(exact.movePointRight(2), digits);
                        case 'e' -> scientific(exact, digits);
                        case 'g', 'n' -> general(exact, Math.max(1, digits), false);
                        default ->
                                precision < 0
                                        ? Numbers.text(Math.abs(value))
                                        : general(exact, Math.max(1, digits), true);
                    };
        }
        text = lower == '%' ? text + "%" : text;
        text =
                letter == 'E' || letter == 'F' || letter == 'G'
                        ? text.toUpperCase(Locale.ROOT)
                        : text;
        pad(scope, sign(negative), grouped(text, 3), out);
    }

    private static String fixed(BigDecimal value, int digits) {
        return value.setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
    }

    private static String scientific(BigDecimal value, int digits) {
        BigDecimal rounded = value.round(new MathContext(digits + 1, RoundingMode.HALF_EVEN));
        int exponent = rounded.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        String mantissa = fixed(rounded.movePointLeft(exponent), digits);
        return "%se%s%02d".formatted(mantissa, exponent < 0 ? "-" : "+", Math.abs(exponent));
    }

    /// The shorter of the two others, without zeros at the end.
    private String general(BigDecimal value, int digits, boolean keepsPoint) {
        BigDecimal rounded = value.round(new MathContext(digits, RoundingMode.HALF_EVEN));
        int exponent = rounded.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        boolean small = exponent >= -4 && exponent < digits - (keepsPoint ? 1 : 0);
        if (small || rounded.signum() == 0) {
            String text = fixed(rounded, Math.max(0, digits - 1 - exponent));
            String shortened = prefixed ? text : withoutZeros(text);
            return keepsPoint && !shortened.contains(".") ? shortened + ".0" : shortened;
        }
        String text = scientific(rounded, digits - 1);
        int end = text.indexOf('e');
        return (prefixed ? text.substring(0, end) : withoutZeros(text.substring(0, end)))
                + text.substring(end);
    }

    private static String withoutZeros(String number) {
        return number.contains(".") ? number.replaceAll("\\.?0*$", "") : number;
    }

    private void pad(Scope scope, String sign, String text, Output out) {
        long missing = Math.max(0, width - sign.length() - Texts.length(text));
        String whole = sign + text;
        out.append(
                switch (align) {
                    case '<' -> Texts.padded(scope, whole, fill, 0, missing);
                    case '^' ->
                            Texts.padded(scope, whole, fill, missing / 2, missing - missing / 2);
                    case '=' -> sign + Texts.padded(scope, text, fill, missing, 0);
                    default -> Texts.padded(scope, whole, fill, missing, 0);
                });
    }
}
