package org.wanda4j.compare;

import java.util.List;

/// How the logarithm of perplexity grows with sparsity: `coefficient * s^exponent` over the dense model's.
record LossCurve(double coefficient, double exponent) {

    /// Between 30 % and 50 % of SmolLM2-135M, by every method; used where one point is all there is.
    private static final double USUAL_EXPONENT = 3.2;

    private static final double LEAST_LOSS = 1e-4;
    private static final double LEAST_EXPONENT = 1;
    private static final double LARGEST_EXPONENT = 8;

    /// A measured point.
    ///
    /// @param sparsity above 0
    /// @param loss logarithm of the perplexity over the dense model's
    record Point(double sparsity, double loss) {

        /// Pruning a little can make a model better by chance.
        private double logLoss() {
            return Math.log(Math.max(loss, LEAST_LOSS));
        }

        private double logSparsity() {
            return Math.log(sparsity);
        }
    }

    /// The curve through one point, or the straight line nearest to several in logarithms.
    static LossCurve through(List<Point> points) {
        double meanX = points.stream().mapToDouble(Point::logSparsity).average().orElseThrow();
        double meanY = points.stream().mapToDouble(Point::logLoss).average().orElseThrow();
        double xx = 0;
        double xy = 0;
        for (Point point : points) {
            xx += Math.pow(point.logSparsity() - meanX, 2);
            xy += (point.logSparsity() - meanX) * (point.logLoss() - meanY);
        }
        double exponent =
                xx < 1e-6 ? USUAL_EXPONENT : Math.clamp(xy / xx, LEAST_EXPONENT, LARGEST_EXPONENT);
        return new LossCurve(Math.exp(meanY - exponent * meanX), exponent);
    }

    double at(double sparsity) {
        return coefficient * Math.pow(sparsity, exponent);
    }
}
