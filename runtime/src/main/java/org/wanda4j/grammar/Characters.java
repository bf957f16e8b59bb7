package org.wanda4j.grammar;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.wanda4j.grammar.Grammar.ByteEdge;
import org.wanda4j.grammar.Grammar.Node;

/// A set of Unicode's characters.
///
/// @param ranges in order, neither overlapping nor touching
record Characters(List<Range> ranges) {

    static final int LAST = Character.MAX_CODE_POINT;

    /// First code points that are written with 1 to 4 bytes, and what follows the last (RFC 3629, section 3).
    private static final int[] LENGTHS = {0, 0x80, 0x800, 0x10000, LAST + 1};

    /// What the first of 1 to 4 bytes begins with.
    private static final int[] MARKS = {0, 0xc0, 0xe0, 0xf0};

    /// Control characters that have an escape of one letter, and their letters.
    private static final String CONTROLS = "\b\t\n\f\r";

    private static final String LETTERS = "btnfr";

    /// Characters from `low` to `high`.
    record Range(int low, int high) {}

    /// All that a string of JSON may have, but halves of pairs.
    static final Characters ALL = of(0, 0xd7ff).or(of(0xe000, LAST));

    static final Characters NONE = new Characters(List.of());

    static Characters of(int low, int high) {
        return new Characters(List.of(new Range(low, high)));
    }

    static Characters of(String characters) {
        return characters
                .codePoints()
                .mapToObj(each -> of(each, each))
                .reduce(NONE, Characters::or);
    }

    Characters or(Characters other) {
        List<Range> merged = new ArrayList<>();
        Stream.concat(ranges.stream(), other.ranges.stream())
                .sorted(Comparator.comparingInt(Range::low))
                .forEach(range -> {
                    if (!merged.isEmpty() && merged.getLast().high() + 1 >= range.low()) {
                        Range last = merged.removeLast();
                        merged.add(new Range(last.low(), Math.max(last.high(), range.high())));
                    } else {
                        merged.add(range);
                    }
                });
        return new Characters(List.copyOf(merged));
    }

    /// What is in this set and not in the other.
    Characters without(Characters other) {
        List<Range> rest = new ArrayList<>();
        for (Range range : ranges) {
            int low = range.low();
            for (Range gone : other.ranges) {
                if (gone.high() >= low && gone.low() <= range.high()) {
                    if (gone.low() > low) {
                        rest.add(new Range(low, gone.low() - 1));
                    }
                    low = gone.high() + 1;
                }
            }
            if (low <= range.high()) {
                rest.add(new Range(low, range.high()));
            }
        }
        return new Characters(List.copyOf(rest));
    }

    boolean has(int character) {
        return ranges.stream().anyMatch(it -> it.low() <= character && character <= it.high());
    }

    /// Reads one of the characters as UTF-8.
    void read(Grammar.Builder builder, Node from, Node to) {
        for (Range range : without(of(0xd800, 0xdfff)).ranges) {
            for (int i = 1; i < LENGTHS.length; i++) {
                int low = Math.max(range.low(), LENGTHS[i - 1]);
                int high = Math.min(range.high(), LENGTHS[i] - 1);
                if (low <= high) {
                    bytes(builder, from, new Range(low, high), i, MARKS[i - 1], to);
                }
            }
        }
    }

    /// Reads `count` bytes, the first of which begins with `mark`: those of a range of characters, without that beginning.
    private static void bytes(
            Grammar.Builder builder, Node from, Range range, int count, int mark, Node to) {
        int shift = 6 * (count - 1);
        int first = range.low() >> shift;
        int last = range.high() >> shift;
        if (count == 1) {
            from.bytes.add(new ByteEdge(mark | first, mark | last, to));
            return;
        }
        int all = (1 << shift) - 1;
        int low = range.low() & all;
        int high = range.high() & all;
        if (first == last) {
            tail(
                    builder,
                    from,
                    new Range(mark | first, mark | first),
                    new Range(low, high),
                    count,
                    to);
            return;
        }
        if (low > 0) {
            tail(
                    builder,
                    from,
                    new Range(mark | first, mark | first),
                    new Range(low, all),
                    count,
                    to);
            first++;
        }
        if (high < all) {
            tail(builder, from, new Range(mark | last, mark | last), new Range(0, high), count, to);
            last--;
        }
        if (first <= last) {
            tail(builder, from, new Range(mark | first, mark | last), new Range(0, all), count, to);
        }
    }

    private static void tail(
            Grammar.Builder builder, Node from, Range first, Range rest, int count, Node to) {
        Node behind = builder.range(from, first.low(), first.high());
        bytes(builder, behind, rest, count - 1, 0x80, to);
    }

    /// Reads one of the characters as strings of JSON have it, in one way for each: escaped where it must be. Control characters
    /// without an escape of one letter are left out.
    void readInString(Grammar.Builder builder, Node from, Node to) {
        without(of(0, 0x1f)).without(of("\"\\")).read(builder, from, to);
        Optional<Node> escape = Optional.empty();
        String escaped = "\"\\" + CONTROLS;
        String letters = "\"\\" + LETTERS;
        for (int i = 0; i < escaped.length(); i++) {
            if (has(escaped.charAt(i))) {
                escape = escape.or(() -> Optional.of(builder.range(from, '\\', '\\')));
                escape.get().bytes.add(new ByteEdge(letters.charAt(i), letters.charAt(i), to));
            }
        }
    }
}
