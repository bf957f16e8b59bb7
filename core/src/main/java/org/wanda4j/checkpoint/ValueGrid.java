package org.wanda4j.checkpoint;

import java.util.Arrays;

/// The values that a quantised type has for a group of weights: `q * s` with a whole number `q` for each weight, from
/// [ValueType#lowest()] to [ValueType#highest()], and one bf16 scale `s` for all of them.
///
/// int8 takes the least scale by which nothing is clipped, `max|w| / 127` rounded up. With sixteen numbers it pays to clip: int4 takes of
/// some scales the one with the least error `sum_j c_j (w_j - q_j s)^2`. They come from `w_max / t`, where `w_max` is the weight that is
/// furthest from zero and `t` lies about -8, so that the one number that has no counterpart is used (as ggml's Q4_0 does, with `t = -8`
/// alone); each is followed by the best scale for its numbers, `sum c w q / sum c q^2` (as ggml's make_qx_quants does).
public final class ValueGrid {

    /// What `w_max` is divided by for the first scale, and from one to the next.
    private static final float FIRST_NUMBER = -9;

    private static final float NUMBER_STEP = 0.25f;
    private static final int CANDIDATES = 9;

    private final ValueType type;
    private final int lowest;
    private final int highest;

    /// @param type int8 or int4
    public ValueGrid(ValueType type) {
        if (!type.isQuantised()) {
            throw new IllegalArgumentException("not a quantised type: " + type);
        }
        this.type = type;
        this.lowest = type.lowest();
        this.highest = type.highest();
    }

    /// The number of the value that is nearest to a weight; ties to even. 0 where the scale is 0.
    public int number(float weight, float scale) {
        return scale == 0 ? 0 : nearest(weight / scale);
    }

    /// The value that is nearest to a weight. A zero is positive, whatever the sign of the scale.
    public float round(float weight, float scale) {
        int number = number(weight, scale);
        return number == 0 ? 0 : number * scale;
    }

    /// A scale for each group of a row whose weights all count alike.
    public float[] scales(float[] row) {
        float[] ones = new float[row.length];
        Arrays.fill(ones, 1);
        return scales(row, ones);
    }

    /// A scale for each group of a row.
    ///
    /// @param importance `c`, not negative
    public float[] scales(float[] row, float[] importance) {
        float[] scales = new float[Math.toIntExact(ValueType.groups(row.length))];
        for (int i = 0; i < scales.length; i++) {
            int from = i * ValueType.GROUP;
            int count = Math.min(ValueType.GROUP, row.length - from);
            scales[i] = scale(row, importance, from, count);
        }
        return scales;
    }

    /// A scale for a group of weights: a bf16, finite where they are.
    ///
    /// @param weights of the group, `count` from `from` on; what was removed is 0 and does not count
    /// @param importance `c`, not negative, at the same places
    public float scale(float[] weights, float[] importance, int from, int count) {
        float furthest = 0;
        for (int j = from; j < from + count; j++) {
            if (Math.abs(weights[j]) > Math.abs(furthest)) {
                furthest = weights[j];
            }
        }
        if (furthest == 0) {
            return 0;
        }
        if (type == ValueType.INT8) {
            return Bf16.toFloat(Bf16.ceil(Math.abs(furthest) / highest));
        }
        float best = 0;
        float most = 0;
        for (int i = 0; i < CANDIDATES; i++) {
            float inverse = (FIRST_NUMBER + i * NUMBER_STEP) / furthest;
            float product = 0;
            float square = 0;
            for (int j = from; j < from + count; j++) {
                float q = nearest(weights[j] * inverse);
                float weighted = importance[j] * q;
                product += weighted * weights[j];
                square += weighted * q;
            }
            // The error with the best scale for these numbers is less by this.
            float gain = product / square * product;
            if (gain > most) {
                most = gain;
                best = product / square;
            }
        }
        return best == 0 ? bf16(furthest / lowest) : refit(weights, importance, from, count, best);
    }

    /// The best scale for the numbers that the weights have with `scale`.
    public float refit(float[] weights, float[] importance, int from, int count, float scale) {
        float product = 0;
        float square = 0;
        for (int j = from; j < from + count; j++) {
            int q = number(weights[j], scale);
            float weighted = importance[j] * q;
            product += weighted * weights[j];
            square += weighted * q;
        }
        return bf16(product == 0 || square == 0 ? scale : product / square);
    }

    /// The nearest bf16.
    public static float bf16(float value) {
        return Bf16.toFloat(Bf16.round(value));
    }

    private int nearest(float number) {
        return Math.clamp((int) Math.rint(number), lowest, highest);
    }
}
