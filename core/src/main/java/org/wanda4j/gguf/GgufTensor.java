package org.wanda4j.gguf;

import java.util.List;
import java.util.function.IntUnaryOperator;
import org.wanda4j.checkpoint.MatrixView;

/// A tensor of a GGUF file, and what it is made of.
///
/// @param shape extents, outermost first
/// @param exact whether it keeps all bits of a value, whatever type the others have: norms, biases, routers
/// @param table whether it is an embedding or the matrix of the logits
/// @param content where its values come from
record GgufTensor(String name, List<Long> shape, boolean exact, boolean table, Content content) {

    /// Where values come from.
    sealed interface Content permits Rows, Values {}

    /// Rows of matrices of the checkpoint, one matrix behind the other.
    record Rows(List<Part> parts) implements Content {}

    /// Values of our own.
    record Values(float[] values) implements Content {}

    /// A matrix.
    ///
    /// @param order from a row to the row of the matrix that comes there
    /// @param added to each value
    /// @param factor of the sum
    record Part(MatrixView matrix, IntUnaryOperator order, float added, float factor) {

        /// Whether every value is written as it is.
        boolean keepsValues() {
            return added == 0 && factor == 1;
        }

        float value(float stored) {
            return (stored + added) * factor;
        }

        static Part of(MatrixView matrix) {
            return new Part(matrix, IntUnaryOperator.identity(), 0, 1);
        }
    }

    /// A matrix as it is.
    static GgufTensor table(String name, MatrixView matrix) {
        return new GgufTensor(
                name,
                List.of((long) matrix.rows(), (long) matrix.columns()),
                false,
                true,
                new Rows(List.of(Part.of(matrix))));
    }

    /// A vector.
    static GgufTensor vector(String name, List<Part> parts) {
        long length =
                parts.stream()
                        .mapToLong(part -> (long) part.matrix().rows() * part.matrix().columns())
                        .sum();
        return new GgufTensor(name, List.of(length), true, false, new Rows(parts));
    }
}
