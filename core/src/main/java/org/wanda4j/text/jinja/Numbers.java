package org.wanda4j.text.jinja;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/// Python's whole numbers, as far as 64 bits carry them, and its fractions; truths count as 1 and 0.
final class Numbers {

    private static final Pattern FRACTION =
            Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)(e[+-]?\\d+)?");

    private Numbers() {}

    static boolean isNumber(Object value) {
        return value instanceof Long || value instanceof Double || value instanceof Boolean;
    }

    /// `value` as a whole number, which it must be.
    static long whole(Object value) {
        return switch (value) {
            case Long number -> number;
            case Boolean truth -> truth ? 1 : 0;
            case Undefined undefined -> throw undefined.error();
            case null, default ->
                    throw new TemplateException(
                            "a whole number is needed, not " + Values.type(value));
        };
    }

    static double fraction(Object value) {
        return value instanceof Double number ? number : whole(value);
    }

    static int compare(Object left, Object right) {
        if (left instanceof Double || right instanceof Double) {
            double first = fraction(left);
            double second = fraction(right);
            boolean finite = Double.isFinite(first) && Double.isFinite(second);
            return finite ? exact(left).compareTo(exact(right)) : Double.compare(first, second);
        }
        return Long.compare(whole(left), whole(right));
    }

    private static BigDecimal exact(Object value) {
        return value instanceof Double number
                ? new BigDecimal(number)
                : BigDecimal.valueOf(whole(value));
    }

    /// As Python's `repr`: the fewest digits that give the same number.
    static String text(double value) {
        if (!Double.isFinite(value)) {
            return Double.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        }
        if (value == 0) {
            return 1 / value > 0 ? "0.0" : "-0.0";
        }
        BigDecimal digits = shortest(value);
        int exponent = digits.precision() - digits.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = digits.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String unscaled = digits.unscaledValue().abs().toString();
        return "%s%s%se%s%02d"
                .formatted(
                        value < 0 ? "-" : "",
                        unscaled.charAt(0),
                        unscaled.length() > 1 ? "." + unscaled.substring(1) : "",
                        exponent < 0 ? "-" : "+",
                        Math.abs(exponent));
    }

    /// Java writes two digits where one would do.
    private static BigDecimal shortest(double value) {
        var digits = new BigDecimal(Double.toString(value)).stripTrailingZeros();
        BigDecimal one = digits.round(new MathContext(1));
        return one.doubleValue() == value ? one.stripTrailingZeros() : digits;
    }

    /// A text as Python's `int` reads it.
    static Optional<Long> parseWhole(String text, int base) {
        String digits = Texts.strip(text).toLowerCase(Locale.ROOT);
        boolean negative = digits.startsWith("-");
        digits = digits.substring(negative || digits.startsWith("+") ? 1 : 0);
        int radix = base;
        for (var prefix : Map.of("0x", 16, "0o", 8, "0b", 2).entrySet()) {
            if (digits.startsWith(prefix.getKey()) && (base == 0 || base == prefix.getValue())) {
                radix = prefix.getValue();
                digits = digits.substring(2);
                digits = digits.substring(digits.startsWith("_") ? 1 : 0);
            }
        }
        radix = radix == 0 ? 10 : radix;
        if (radix < 2 || radix > 36 || !digits.matches("[0-9a-z]+(_[0-9a-z]+)*")) {
            return Optional.empty();
        }
        int last = radix;
        digits = digits.replace("_", "");
        if (!digits.chars().allMatch(c -> Character.digit(c, last) >= 0)
                || (base == 0 && last == 10 && digits.matches("0+[1-9].*"))) {
            return Optional.empty();
        }
        try {
            return Optional.of(Long.parseLong((negative ? "-" : "") + digits, radix));
        } catch (NumberFormatException e) {
            throw tooLarge();
        }
    }

    /// A text as Python's `float` reads it.
    static Optional<Double> parseFraction(String text) {
        String number = Texts.strip(text).toLowerCase(Locale.ROOT);
        String unsigned =
                number.startsWith("-") || number.startsWith("+") ? number.substring(1) : number;
        return switch (unsigned) {
            case "nan" -> Optional.of(Double.NaN);
            case "inf", "infinity" ->
                    Optional.of(
                            number.startsWith("-")
                                    ? Double.NEGATIVE_INFINITY
                                    : Double.POSITIVE_INFINITY);
            default -> {
                String plain = number.replaceAll("(?<=\\d)_(?=\\d)", "");
                yield FRACTION.matcher(plain).matches()
                        ? Optional.of(Double.valueOf(plain))
                        : Optional.empty();
            }
        };
    }

    /// The fraction without what stands behind its point.
    static long truncated(double value) {
        if (Math.abs(value) >= 0x1p63 || Double.isNaN(value)) {
            throw tooLarge();
        }
        return (long) value;
    }

    /// `value` with `digits` behind the point, half to even; a whole number stays one.
    static Object rounded(Object value, int digits) {
        if (value instanceof Double number && (!Double.isFinite(number) || digits > 323)) {
            return number;
        }
        BigDecimal rounded = exact(value).setScale(Math.max(digits, -400), RoundingMode.HALF_EVEN);
        if (value instanceof Double number) {
            return Math.copySign(rounded.doubleValue(), number);
        }
        if (digits >= 0) {
            return whole(value);
        }
        try {
            return rounded.longValueExact();
        } catch (ArithmeticException e) {
            throw tooLarge();
        }
    }

    /// `left operator right` for an operator other than a comparison.
    static Object calculate(String operator, Object left, Object right) {
        if (left instanceof Double || right instanceof Double || operator.equals("/")) {
            return fraction(operator, fraction(left), fraction(right));
        }
        try {
            return whole(operator, whole(left), whole(right));
        } catch (ArithmeticException e) {
            throw tooLarge();
        }
    }

    private static Object whole(String operator, long left, long right) {
        return switch (operator) {
            case "+" -> Math.addExact(left, right);
            case "-" -> Math.subtractExact(left, right);
            case "*" -> Math.multiplyExact(left, right);
            case "//" -> Math.floorDivExact(left, nonZero(right));
            case "%" -> Math.floorMod(left, nonZero(right));
            default ->
                    right < 0
                            ? (Object) fraction("**", (double) left, (double) right)
                            : (Object) power(left, right);
        };
    }

    private static long power(long base, long exponent) {
        long power = 1;
        long square = base;
        for (long rest = exponent; rest > 0; rest >>= 1) {
            power = rest % 2 == 1 ? Math.multiplyExact(power, square) : power;
            square = rest > 1 ? Math.multiplyExact(square, square) : square;
        }
        return power;
    }

    private static double fraction(String operator, double left, double right) {
        return switch (operator) {
            case "+" -> left + right;
            case "-" -> left - right;
            case "*" -> left * right;
            case "/" -> left / nonZero(right);
            case "//" -> quotient(left, nonZero(right));
            case "%" -> remainder(left, nonZero(right));
            default -> power(left, right);
        };
    }

    private static double remainder(double left, double right) {
        double remainder = left % right;
        return remainder == 0
                ? Math.copySign(0, right)
                : remainder < 0 == right < 0 ? remainder : remainder + right;
    }

    private static double quotient(double left, double right) {
        double quotient = (left - remainder(left, right)) / right;
        return quotient == 0 ? Math.copySign(0, left / right) : Math.rint(quotient);
    }

    private static double power(double base, double exponent) {
        if (base == 0 && exponent < 0) {
            throw new TemplateException("a division by zero");
        }
        if (base < 0 && Double.isFinite(exponent) && exponent != Math.rint(exponent)) {
            throw new TemplateException("a root of a negative number");
        }
        if (base == 1 || exponent == 0) {
            return 1;
        }
        double power = Math.pow(base, exponent);
        if (Double.isInfinite(power) && Double.isFinite(base) && Double.isFinite(exponent)) {
            throw tooLarge();
        }
        return power;
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

    static TemplateException tooLarge() {
        return new TemplateException("a number becomes too large");
    }
}
