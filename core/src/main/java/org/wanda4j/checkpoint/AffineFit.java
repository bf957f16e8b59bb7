package org.wanda4j.checkpoint;

/// The line `scale * q - minimum` through a group of values with whole `q` of 0 to 15: what Q4_K stores of 32 values.
///
/// Minimised is the sum of `(|x| + rms) (scale * q - minimum - x)^2`, which looks after large values a little more. For a given `q` that
/// is a least-squares problem with a closed solution; `q` is taken from several ranges about that of the values, and the best is
/// kept.
final class AffineFit {

    private static final int LARGEST = 15;

    /// Ranges that are tried.
    private static final int TRIALS = 21;

    private final float[] values;
    private final int from;
    private final int count;
    private final double[] weights;
    private float scale;
    private float minimum;
    private double error = Double.POSITIVE_INFINITY;

    private AffineFit(float[] values, int from, int count) {
        this.values = values;
        this.from = from;
        this.count = count;
        this.weights = new double[count];
    }

    /// The best line through `count` values.
    static AffineFit of(float[] values, int from, int count) {
        var fit = new AffineFit(values, from, count);
        fit.run();
        return fit;
    }

    /// At least 0.
    float scale() {
        return scale;
    }

    /// What is subtracted; at least 0.
    float minimum() {
        return minimum;
    }

    private void run() {
        double squares = 0;
        double least = 0;
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < count; i++) {
            double value = values[from + i];
            squares += value * value;
            least = Math.min(least, value);
            largest = Math.max(largest, value);
        }
        double mean = Math.sqrt(squares / count);
        for (int i = 0; i < count; i++) {
            weights[i] = mean + Math.abs(values[from + i]);
        }
        if (largest <= least) { // all the same, and not positive
            minimum = (float) -least;
            return;
        }
        for (int trial = 0; trial < TRIALS; trial++) {
            double steps = LARGEST - 1 + 0.1 * trial;
            solve((largest - least) / steps, least);
        }
    }

    /// Takes each `q` by a line, and the best line by all `q`.
    private void solve(double step, double least) {
        double w = 0;
        double wq = 0;
        double wqq = 0;
        double wx = 0;
        double wqx = 0;
        for (int i = 0; i < count; i++) {
            double x = values[from + i];
            double q = nearest((x - least) / step);
            w += weights[i];
            wq += weights[i] * q;
            wqq += weights[i] * q * q;
            wx += weights[i] * x;
            wqx += weights[i] * q * x;
        }
        double determinant = w * wqq - wq * wq;
        if (determinant <= 0) {
            return;
        }
        double slope = (w * wqx - wx * wq) / determinant;
        double start = (wqq * wx - wq * wqx) / determinant;
        if (start > 0) {
            start = 0;
            slope = wqx / wqq;
        }
        if (slope > 0) {
            keepIfBetter(slope, start);
        }
    }

    private void keepIfBetter(double slope, double start) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            double x = values[from + i];
            double off = slope * nearest((x - start) / slope) + start - x;
            sum += weights[i] * off * off;
        }
        if (sum < error) {
            error = sum;
            scale = (float) slope;
            minimum = (float) -start;
        }
    }

    private static double nearest(double q) {
        return Math.clamp(Math.rint(q), 0, LARGEST);
    }
}
