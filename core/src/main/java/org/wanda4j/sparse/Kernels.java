package org.wanda4j.sparse;

/// The row kernels that this JVM runs: with the Vector API where it is there, else a weight at a time.
///
/// Both give the same bits. The choice is made once; [#description()] says which it was, and why.
public final class Kernels {

    private static final String MODULE = "jdk.incubator.vector";
    private static final int NARROWEST_BITS = 128;

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

    /// The fastest that this JVM can run.
    public static Kernels best() {
        return Best.KERNELS;
    }

    /// One element at a time, on any JVM: what the vector kernels are checked against.
    public static Kernels scalar() {
        return scalar("chosen by the caller");
    }

    private static Kernels scalar(String reason) {
        return new Kernels(
                new ScalarWeightKernels(), new ScalarScoreKernels(), 0, "scalar: " + reason);
    }

    /// Kernels on rows of weights in memory. Threads may share them.
    public WeightKernels weights() {
        return weights;
    }

    /// A selector for the use of one thread.
    public RowSelector selector() {
        return new RowSelector(scores);
    }

    ScoreKernels scores() {
        return scores;
    }

    /// Whether these are the Vector API's kernels.
    public boolean vectorized() {
        return vectorBits > 0;
    }

    /// Width of a vector, 0 for scalar kernels.
    public int vectorBits() {
        return vectorBits;
    }

    /// What runs, for a banner: `Vector API, 256 bit`, or `scalar: ` and the reason or the flag that mends it.
    public String description() {
        return description;
    }

    private static final class Best {

        static final Kernels KERNELS = choose();

        private static Kernels choose() {
            if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
                return scalar("start java with --add-modules " + MODULE);
            }
            if (System.getProperty("java.vm.info", "").contains("emulated-client")) {
                return scalar(
                        "start java without -XX:TieredStopAtLevel, vectors need the C2 compiler");
            }
            int bits = VectorWidth.bits();
            if (bits < NARROWEST_BITS) {
                return scalar("the widest vector of this machine or JVM is " + bits + " bit");
            }
            return new Kernels(
                    new VectorWeightKernels(),
                    new VectorScoreKernels(),
                    bits,
                    "Vector API, " + bits + " bit");
        }
    }

    /// Apart, because its code links to the module that may be absent.
    private static final class VectorWidth {

        static int bits() {
            return jdk.incubator.vector.FloatVector.SPECIES_PREFERRED.vectorBitSize();
        }
    }
}
