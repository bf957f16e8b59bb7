package org.wanda4j.compare;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/// What a model must keep to, and what is best within it.
public sealed interface Budget {

    /// The best quality of at most so many bytes of weights' files.
    record Size(long bytes) implements Budget {

        @Override
        public boolean holds(Estimate estimate) {
            return estimate.bytes() <= bytes;
        }

        @Override
        public double loss(Estimate estimate) {
            return estimate.ratio();
        }

        @Override
        public double distance(Estimate estimate) {
            return estimate.bytes();
        }

        @Override
        public double step() {
            return 0.01;
        }

        @Override
        public String describe() {
            return text((double) bytes);
        }

        @Override
        public String describe(Estimate estimate) {
            return text(estimate.bytes());
        }

        private static String text(double bytes) {
            return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
        }
    }

    /// The best quality that decodes at least so many tokens/s.
    record Decode(double tokensPerSecond) implements Budget {

        @Override
        public boolean holds(Estimate estimate) {
            return estimate.decode().orElse(0) >= tokensPerSecond;
        }

        @Override
        public double loss(Estimate estimate) {
            return estimate.ratio();
        }

        @Override
        public double distance(Estimate estimate) {
            return -estimate.decode().orElse(0);
        }

        @Override
        public double step() {
            return COARSE;
        }

        @Override
        public String describe() {
            return text(tokensPerSecond);
        }

        @Override
        public String describe(Estimate estimate) {
            return text(estimate.decode().orElse(0));
        }

        private static String text(double tokensPerSecond) {
            return String.format(Locale.ROOT, "%.0f tokens/s", tokensPerSecond);
        }
    }

    /// The smallest of at most so many times the dense model's perplexity.
    record Quality(double ratio) implements Budget {

        @Override
        public boolean holds(Estimate estimate) {
            return estimate.ratio() <= ratio;
        }

        @Override
        public double loss(Estimate estimate) {
            return estimate.bytes();
        }

        @Override
        public double distance(Estimate estimate) {
            return estimate.ratio();
        }

        @Override
        public double step() {
            return COARSE;
        }

        @Override
        public String describe() {
            return text(ratio);
        }

        @Override
        public String describe(Estimate estimate) {
            return text(estimate.ratio());
        }

        private static String text(double ratio) {
            return String.format(Locale.ROOT, "%.3f times the dense perplexity", ratio);
        }
    }

    /// Step of sparsities where a finer one says nothing: what is predicted is not that exact.
    double COARSE = 0.05;

    /// Whether a variant keeps to it.
    boolean holds(Estimate estimate);

    /// Of variants that keep to it, the one of the least is the best.
    double loss(Estimate estimate);

    /// Of variants that do not keep to it, the one of the least comes nearest.
    double distance(Estimate estimate);

    /// Between the sparsities that are looked at.
    double step();

    /// The limit for people.
    String describe();

    /// What the limit is compared with of a variant, for people.
    String describe(Estimate estimate);

    /// The variant that comes nearest.
    default Estimate nearest(List<Estimate> estimates) {
        return estimates.stream().min(Comparator.comparingDouble(this::distance)).orElseThrow();
    }
}
