package org.wanda4j.sparse;

/// Kernels on rows of weights: with the Vector API where [VectorSupport] has it, else a weight at a time. Both give the same bits.
public final class Kernels {

    private static final Kernels BEST = choose();

    private final WeightKernels weights;
    private final ScoreKernels scores;
    private final int vectorBits;
    private final String description;

    private Kernels(
            WeightKernels weights, ScoreKernels scores, int vectorBits, String description) {
        this.weights = weights;
        this.scores = scores;
        this.vectorBits = vectorBits;
        this.description = description;
    }

    private static Kernels choose() {
        VectorSupport support = VectorSupport.current();
        return support.isAvailable()
                ? new Kernels(
                        new VectorWeightKernels(),
                        new VectorScoreKernels(),
                        support.bits(),
                        support.description())
                : scalar(support.description());
    }

    /// The fastest that this JVM runs.
    public static Kernels best() {
        return BEST;
    }

    /// Scalar kernels, which run on any JVM: the reference for the others.
    public static Kernels scalar() {
        return scalar("chosen by the caller");
    }

    private static Kernels scalar(String reason) {
        return new Kernels(
                new ScalarWeightKernels(), new ScalarScoreKernels(), 0, "scalar: " + reason);
    }

    /// Kernels on rows of weights in memory; thread-safe.
    public WeightKernels weights() {
        return weights;
    }

    /// A selector for use by one thread.
    public RowSelector selector() {
        return new RowSelector(scores);
    }

    ScoreKernels scores() {
        return scores;
    }

    /// Whether these use the Vector API.
    public boolean vectorized() {
        return vectorBits > 0;
    }

    /// Width of a vector in bits; 0 for scalar kernels.
    public int vectorBits() {
        return vectorBits;
    }

    /// `Vector API, 256 bit`, or `scalar: ` and the reason, with the flag that mends it where there is one.
    public String description() {
        return description;
    }
}
