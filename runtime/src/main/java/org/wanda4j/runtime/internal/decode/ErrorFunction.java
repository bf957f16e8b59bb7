package org.wanda4j.runtime.internal.decode;

/// `erf(x)`, the function in the exact GELU.
final class ErrorFunction {

    private static final double[] COEFFICIENTS = {
        -1.26551223,
        1.00002368,
        0.37409196,
        0.09678418,
        -0.18628806,
        0.27886807,
        -1.13520398,
        1.48851587,
        -0.82215223,
        0.17087277
    };

    private ErrorFunction() {}

    /// A rational Chebyshev approximation, wrong by at most 1.2e-7 (Press et al., Numerical Recipes, 6.2).
    static double of(double x) {
        double t = 1 / (1 + Math.abs(x) / 2);
        double sum = 0;
        for (int i = COEFFICIENTS.length - 1; i >= 0; i--) {
            sum = sum * t + COEFFICIENTS[i];
        }
        double complement = t * Math.exp(-x * x + sum);
        return x >= 0 ? 1 - complement : complement - 1;
    }
}
