package org.wanda4j.sparse;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.Serializable;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.wanda4j.checkpoint.InvalidInputException;

/// Which shape the zeros of a matrix take.
public sealed interface SparsityPattern extends Serializable {

    /// Fraction of weights that the pattern removes, in [0, 1).
    double sparsity();

    /// Zeros anywhere.
    ///
    /// @param sparsity fraction to remove, in [0, 1)
    record Unstructured(double sparsity) implements SparsityPattern {
        /// Checks the range.
        public Unstructured {
            if (!(sparsity >= 0 && sparsity < 1)) {
                throw new InvalidInputException(
                        "sparsity must be at least 0 and less than 1, got "
                                + sparsity
                                + (sparsity > 1 && sparsity < 100
                                        ? "; did you mean " + sparsity / 100 + "?"
                                        : ""));
            }
        }

        @Override
        public String toString() {
            return "unstructured " + sparsity;
        }
    }

    /// Of every `m` consecutive inputs, `n` are removed: `2:4`, `4:8`.
    ///
    /// @param n removed, 0 <= n < m
    /// @param m length of a run, at least 2
    record NofM(int n, int m) implements SparsityPattern {
        /// Checks the range.
        public NofM {
            if (m < 2 || n < 0 || n >= m) {
                throw new InvalidInputException(
                        "N:M removes N of every M weights and needs 0 <= N < M and M >= 2, got "
                                + n
                                + ":"
                                + m);
            }
        }

        @Override
        public double sparsity() {
            return (double) n / m;
        }

        @Override
        public String toString() {
            return n + ":" + m;
        }
    }

    /// The pattern that JSON has: as [Unstructured] a `sparsity`, as [NofM] an `n` and an `m`.
    ///
    /// Not by an annotation for types, of which Jackson uses what Spark's older one lacks: in an executor, Spark's class comes first.
    ///
    /// @throws java.util.NoSuchElementException when it has neither
    @JsonCreator
    static SparsityPattern of(
            @JsonProperty("sparsity") OptionalDouble sparsity,
            @JsonProperty("n") OptionalInt n,
            @JsonProperty("m") OptionalInt m) {
        return sparsity.isPresent()
                ? new Unstructured(sparsity.getAsDouble())
                : new NofM(n.orElseThrow(), m.orElseThrow());
    }

    /// Reads `2:4` as [NofM].
    ///
    /// @throws InvalidInputException when `text` is not two numbers around a colon, or they are out of range
    static NofM parseNofM(String text) {
        var match = java.util.regex.Pattern.compile("(\\d{1,6}):(\\d{1,6})").matcher(text.strip());
        if (!match.matches()) {
            throw new InvalidInputException(
                    "a pattern is written N:M, for example 2:4; got '" + text + "'");
        }
        return new NofM(Integer.parseInt(match.group(1)), Integer.parseInt(match.group(2)));
    }
}
