package org.wanda4j.runtime.internal.kernels;

import java.util.List;

/// `e^x = 2^n e^r` with `n = round(x / ln 2)`, `r = x - n ln 2` and `e^r = 1 + r + r^2 P(r)`; constants of the Cephes library's expf
/// (Moshier).
public final class Exponential {

    /// For `|r| <= ln 2 / 2`, the coefficient of the highest power first.
    public static final List<Double> P =
            List.of(
                    1.9875691500e-4,
                    1.3981999507e-3,
                    8.3334519073e-3,
                    4.1665795894e-2,
                    1.6666665459e-1,
                    5.0000001201e-1);

    /// `ln 2` in two parts, the first with few digits.
    public static final double LN_2_HIGH = 0.693359375;

    public static final double LN_2_LOW = -2.12194440e-4;

    private Exponential() {}
}
