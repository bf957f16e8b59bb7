package org.wanda4j.model;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.Stream;

/// Causal self-attention: `output(softmax(cap(q k^T scale) + bias) v)`.
///
/// @param heads number of query heads
/// @param keyValueHeads number of key and value heads; divides `heads`
/// @param headSize width of a head
/// @param scale of the products of queries and keys
/// @param cap `c` of `c tanh(x / c)`, which products pass through (Gemma 2)
/// @param clip the largest absolute value of a query, key or value (OLMo)
/// @param queryNorm over each query head where it is `headSize` wide, else over all heads of a token; before the rotation
/// @param keyNorm of keys, likewise
/// @param positions how order enters
/// @param window how many positions, its own included, a token sees; all before it where empty
public record Attention(
        Linear query,
        Linear key,
        Linear value,
        Linear output,
        int heads,
        int keyValueHeads,
        int headSize,
        double scale,
        OptionalDouble cap,
        OptionalDouble clip,
        Optional<Norm> queryNorm,
        Optional<Norm> keyNorm,
        Positions positions,
        OptionalInt window)
        implements Mixer {

    /// How the order of tokens enters attention.
    public sealed interface Positions permits Rotary, Alibi, NoPositions {}

    /// Nothing but the causal mask.
    public record NoPositions() implements Positions {}

    /// Attention with linear biases (Press et al., 2022): head `h` adds `slope_h * (j - i)` to the product of query `i` and key
    /// `j`.
    ///
    /// @param factor of the biases; 1 but where a family scales them with the products
    public record Alibi(double factor) implements Positions {

        /// The slopes of `heads` heads: a geometric sequence from `2^(-8/n)` for a power of two `n`; the heads beyond it take
        /// every second one of the sequence for `2n`.
        public static float[] slopes(int heads) {
            int power = Integer.highestOneBit(heads);
            float[] slopes = new float[heads];
            for (int head = 0; head < heads; head++) {
                double exponent =
                        head < power
                                ? 8.0 * (head + 1) / power
                                : 8.0 * (2 * (head - power) + 1) / (2.0 * power);
                slopes[head] = (float) Math.pow(2, -exponent);
            }
            return slopes;
        }
    }

    @Override
    public List<List<Group>> steps() {
        return List.of(
                List.of(new Group("qkv", List.of(query, key, value))),
                List.of(new Group("o", List.of(output))));
    }

    @Override
    public int width() {
        return output.inputs();
    }

    @Override
    public Stream<Norm> norms() {
        return Stream.concat(queryNorm.stream(), keyNorm.stream());
    }

    /// The rotation of queries and keys, where positions enter that way.
    public Optional<Rotary> rotary() {
        return positions instanceof Rotary rotary ? Optional.of(rotary) : Optional.empty();
    }
}
