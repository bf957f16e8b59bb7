package org.wanda4j.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.StreamSupport;

/// Of what a part sums up over the inputs of a stage: the squares of its windows, or a panel of its Gram matrix.
///
/// @param part number of the part
/// @param first number of its first window
/// @param tokens of each window; empty for a panel
/// @param values squares of each channel, window after window; or the panel's
record Piece(int part, int first, long[] tokens, float[] values) implements Serializable {

    private boolean isPanel() {
        return tokens.length == 0;
    }

    /// Adds up the panels of all parts, as a tree over their numbers: neighbours, then pairs of neighbours. Squares stay apart.
    ///
    /// @param pieces of one key, in any order
    static Iterable<Piece> merge(Iterable<Piece> pieces) {
        List<Piece> level =
                StreamSupport.stream(pieces.spliterator(), false)
                        .sorted(Comparator.comparingInt(Piece::part))
                        .toList();
        while (level.size() > 1 && level.getFirst().isPanel()) {
            List<Piece> next = new ArrayList<>();
            for (int i = 0; i < level.size(); i += 2) {
                next.add(
                        i + 1 < level.size() ? level.get(i).plus(level.get(i + 1)) : level.get(i));
            }
            level = next;
        }
        return level;
    }

    private Piece plus(Piece other) {
        float[] sum = new float[values.length];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = values[i] + other.values[i];
        }
        return new Piece(part, first, tokens, sum);
    }
}
