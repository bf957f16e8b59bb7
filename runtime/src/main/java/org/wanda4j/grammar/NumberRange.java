package org.wanda4j.grammar;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Optional;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.grammar.Grammar.ByteEdge;
import org.wanda4j.grammar.Grammar.Node;

/// Decimal numbers from one to another, without an exponent: whole multiples of `10^-places`, between whole multiples of it.
///
/// A number of `n` digits before the point is compared with a bound digit by digit, the first that differs decides: so a place is known by
/// how many digits are written, and whether all were the bound's.
final class NumberRange {

    /// Digits that a double keeps.
    private static final int MOST_DIGITS = 15;

    private static final int FEWEST_PLACES = 6;

    private final Grammar.Builder builder;
    private final int places;
    private final Node behind;

    private NumberRange(Grammar.Builder builder, int places) {
        this.builder = builder;
        this.places = places;
        this.behind = builder.node();
    }

    /// One end of a range.
    record Bound(BigDecimal value, boolean exclusive) {}

    /// A number from `least` to `most`, each of which may be absent.
    ///
    /// @param whole whether it is an integer
    /// @param place of the schema, for errors
    /// @throws InvalidInputException when there is no such number
    static Node read(
            Grammar.Builder builder,
            Node from,
            boolean whole,
            Optional<Bound> least,
            Optional<Bound> most,
            String place) {
        int all = whole ? JsonGrammar.MOST_INTEGER_DIGITS : MOST_DIGITS;
        int before = Math.max(digits(least), digits(most));
        int places =
                whole
                        ? 0
                        : Math.clamp(
                                Math.max(scale(least), scale(most)),
                                Math.min(FEWEST_PLACES, Math.max(all - before, 0)),
                                Math.max(all - before, 0));
        BigInteger limit = BigInteger.TEN.pow(all).subtract(BigInteger.ONE);
        BigInteger low =
                least.map(it -> steps(it, places, true)).orElse(limit.negate()).max(limit.negate());
        BigInteger high = most.map(it -> steps(it, places, false)).orElse(limit).min(limit);
        if (low.compareTo(high) > 0) {
            throw new InvalidInputException(
                    place + ": no number that can be written is within its bounds");
        }
        return new NumberRange(builder, places).all(from, low, high);
    }

    private static int digits(Optional<Bound> bound) {
        return bound.map(it -> Math.max(1, it.value().precision() - it.value().scale())).orElse(1);
    }

    private static int scale(Optional<Bound> bound) {
        return bound.map(it -> it.value().stripTrailingZeros().scale()).orElse(0);
    }

    /// A bound in steps of `10^-places`, rounded into the range.
    private static BigInteger steps(Bound bound, int places, boolean least) {
        BigDecimal exact = bound.value().scaleByPowerOfTen(places);
        BigInteger rounded =
                exact.setScale(0, least ? RoundingMode.CEILING : RoundingMode.FLOOR).toBigInteger();
        boolean hit = exact.compareTo(new BigDecimal(rounded)) == 0;
        return hit && bound.exclusive()
                ? rounded.add(least ? BigInteger.ONE : BigInteger.ONE.negate())
                : rounded;
    }

    private Node all(Node from, BigInteger low, BigInteger high) {
        if (low.signum() < 0) {
            BigInteger smallest = high.negate().max(BigInteger.ONE);
            positive(builder.range(from, '-', '-'), smallest, low.negate());
        }
        if (high.signum() >= 0) {
            positive(from, low.max(BigInteger.ZERO), high);
        }
        return behind;
    }

    /// Numbers by how many digits they have before the point.
    private void positive(Node from, BigInteger low, BigInteger high) {
        int most = Math.max(1, high.toString().length() - places);
        for (int digits = Math.max(1, low.toString().length() - places); digits <= most; digits++) {
            BigInteger first =
                    digits == 1 ? BigInteger.ZERO : BigInteger.TEN.pow(digits - 1 + places);
            BigInteger last = BigInteger.TEN.pow(digits + places).subtract(BigInteger.ONE);
            String least = padded(low.max(first), digits + places);
            String greatest = padded(high.min(last), digits + places);
            if (least.compareTo(greatest) <= 0) {
                new Digits(digits, least, greatest).from(from, 0, true, true);
            }
        }
    }

    private static String padded(BigInteger number, int length) {
        String digits = number.toString();
        return "0".repeat(Math.max(0, length - digits.length())) + digits;
    }

    /// Numbers of as many digits.
    private final class Digits {

        private final int before;
        private final String least;
        private final String greatest;
        private final Node[] free;

        /// @param before digits before the point
        Digits(int before, String least, String greatest) {
            this.before = before;
            this.least = least;
            this.greatest = greatest;
            this.free = new Node[least.length() + 1];
        }

        /// @param index of the next digit
        /// @param low whether all digits so far are those of `least`
        /// @param high whether they are those of `greatest`
        void from(Node node, int index, boolean low, boolean high) {
            if (index >= before
                    && (!low || least.substring(index).chars().allMatch(it -> it == '0'))) {
                node.empty.add(behind);
            }
            if (index == least.length()) {
                return;
            }
            Node digit = index == before ? builder.range(node, '.', '.') : node;
            char first = low ? least.charAt(index) : '0';
            char last = high ? greatest.charAt(index) : '9';
            for (char each = first; each <= last; each++) {
                boolean stillLow = low && each == first;
                boolean stillHigh = high && each == last;
                if (stillLow || stillHigh) {
                    from(builder.range(digit, each, each), index + 1, stillLow, stillHigh);
                } else {
                    digit.bytes.add(new ByteEdge(each, each, free(index + 1)));
                }
            }
        }

        private Node free(int index) {
            if (free[index] == null) {
                free[index] = builder.node();
                from(free[index], index, false, false);
            }
            return free[index];
        }
    }
}
