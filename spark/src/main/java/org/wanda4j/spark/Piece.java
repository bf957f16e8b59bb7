package org.wanda4j.spark;

import java.io.Serializable;
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

    /// Adds up the panels of all parts in the order of their numbers. Squares stay apart.
    ///
    /// @param pieces of one key, in any order
    static Iterable<Piece> merge(Iterable<Piece> pieces) {
        List<Piece> ordered =
                StreamSupport.stream(pieces.spliterator(), false)
                        .sorted(Comparator.comparingInt(Piece::part))
                        .toList();
        Piece first = ordered.getFirst();
        if (!first.isPanel()) {
            return ordered;
        }
        float[] sum = first.values.clone();
        for (Piece piece : ordered.subList(1, ordered.size())) {
            for (int i = 0; i < sum.length; i++) {
                sum[i] += piece.values[i];
            }
        }
        return List.of(new Piece(first.part, first.first, first.tokens, sum));
    }
}
