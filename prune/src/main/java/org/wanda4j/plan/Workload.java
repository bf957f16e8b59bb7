package org.wanda4j.plan;

import java.util.List;
import java.util.Set;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Block;
import org.wanda4j.model.Architecture.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.prune.Allocation;
import org.wanda4j.prune.Method;
import org.wanda4j.prune.Methods;
import org.wanda4j.prune.Recipe;
import org.wanda4j.torch.TorchBlock;

/// What a run does, in units that do not depend on how fast a machine is.
///
/// @param parameters weights to be pruned
/// @param blocks of the model
/// @param tokens of all calibration windows; 0 where none are run
/// @param operations of the whole run
/// @param traffic with files
/// @param memory at its peak
public record Workload(
        long parameters,
        int blocks,
        long tokens,
        Operations operations,
        Traffic traffic,
        Memory memory) {

    /// Counts of a run. A multiplication and an addition are two operations.
    ///
    /// @param forward operations of linears
    /// @param attention operations of heads: scores of queries and keys, and what they mix
    /// @param activations values that norms, sums and activation functions pass over
    /// @param measured values whose squares are summed up
    /// @param gram operations of products of input channels
    /// @param shared operations that the linears of a stage share: factors and inverses
    /// @param update operations that give new values to what stays
    /// @param chosen weights that are scored and chosen from, each time that they are
    /// @param loaded weights that are brought into the type that is computed in
    /// @param tuning operations of training what survives, forward and back
    public record Operations(
            double forward,
            double attention,
            double activations,
            double measured,
            double gram,
            double shared,
            double update,
            double chosen,
            double loaded,
            double tuning) {}

    /// Bytes of files.
    ///
    /// @param read of weights, and once more for their digest
    /// @param written to the output
    /// @param disk that must be free: the output, and the activation store where it is a file
    public record Traffic(long read, long written, long disk) {}

    /// Bytes at the peak, besides what the program takes by itself.
    ///
    /// @param activations the activation store
    /// @param activationsInFile whether it is a mapped file: then it counts as page cache and can leave memory
    /// @param embedding rows of the table that are looked up, mapped; before the first block
    /// @param mapped a block's weights as they lie in their file
    /// @param weights copies of a block's weights: converted, and pruned
    /// @param threads what all threads compute with at a time
    /// @param statistics Gram matrices and what is made of them
    /// @param update copies that a weight update works on
    public record Memory(
            long activations,
            boolean activationsInFile,
            long embedding,
            long mapped,
            long weights,
            long threads,
            long statistics,
            long update) {

        /// All of it that is there at once.
        public long peak() {
            long block = mapped + weights + statistics + Math.max(threads, update);
            return activations + Math.max(embedding, block);
        }

        /// The part of [#peak()] that the system may drop and read again.
        public long pageCache() {
            return (activationsInFile ? activations : 0) + mapped;
        }
    }

    /// Counts a run.
    ///
    /// @param recipe with nothing left open
    public static Workload of(Subject subject, Recipe recipe, RunSettings settings) {
        return new Counting(subject, recipe, settings).count();
    }

    private record Counting(
            Subject subject,
            Architecture architecture,
            Recipe recipe,
            RunSettings settings,
            Method method,
            Set<Linear> chosen,
            boolean calibrated,
            long tokens) {

        Counting(Subject subject, Recipe recipe, RunSettings settings) {
            var sampling = recipe.sampling();
            this(
                    subject,
                    subject.architecture(),
                    recipe,
                    settings,
                    Methods.named(recipe.method()),
                    recipe.linears(subject.architecture()),
                    recipe.needsCalibration(),
                    recipe.needsCalibration()
                            ? (long) sampling.windows() * sampling.seqlen().orElseThrow()
                            : 0);
        }

        Workload count() {
            Memory memory = memory();
            long output = subject.bytes();
            return new Workload(
                    chosen.stream().mapToLong(Counting::weights).sum(),
                    architecture.blocks().size(),
                    tokens,
                    operations(),
                    new Traffic(
                            2 * output,
                            output,
                            output + (memory.activationsInFile() ? memory.activations() : 0)),
                    memory);
        }

        private Operations operations() {
            double forward = 0;
            double attention = 0;
            double activations = 0;
            double measured = 0;
            double gram = 0;
            double shared = 0;
            double update = 0;
            double selected = 0;
            double loaded = 0;
            double tuning = 0;
            boolean surveyed = recipe.allocation() != Allocation.UNIFORM;
            List<Block> blocks = architecture.blocks();
            for (int i = 0; i < blocks.size(); i++) {
                Block block = blocks.get(i);
                Passes passes = Passes.of(recipe.order(), i == blocks.size() - 1);
                double linears = block.linears().stream().mapToDouble(Counting::weights).sum();
                double last = weights(block.mlp().down());
                double heads =
                        TorchBlock.attentionOperations(block, length())
                                * (double) recipe.sampling().windows();
                if (calibrated) {
                    int observed = passes.observed() + (surveyed ? 1 : 0);
                    forward +=
                            2.0 * tokens * (passes.all() * linears - passes.withoutDown() * last)
                                    + (surveyed ? 2.0 * tokens * linears : 0);
                    attention += (passes.all() + (surveyed ? 1 : 0)) * heads;
                    activations += (passes.all() + (surveyed ? 1 : 0)) * tokens * values(block);
                    loaded += linears * (surveyed ? 2 : 1);
                    for (Stage stage : Stage.values()) {
                        double width = width(block, stage);
                        measured += observed * tokens * width;
                        gram += method.needs() == Statistic.GRAM ? tokens * width * width : 0;
                    }
                    tuning +=
                            recipe.tuning()
                                    .map(it ->
                                            (3.0 * it.epochs() + 3)
                                                    * (2 * tokens * linears + heads))
                                    .orElse(0.0);
                }
                for (Stage stage : Stage.values()) {
                    List<Linear> pruned = pruned(block, stage);
                    shared +=
                            pruned.isEmpty()
                                    ? 0
                                    : method.update().sharedOperations(width(block, stage));
                    for (Linear linear : pruned) {
                        update += method.update().operations(linear.outputs(), linear.inputs());
                        selected += (double) method.update().choices() * weights(linear);
                    }
                }
            }
            return new Operations(
                    forward,
                    attention,
                    activations,
                    measured,
                    gram,
                    shared,
                    update,
                    selected,
                    loaded,
                    tuning);
        }

        private Memory memory() {
            ActivationStore.Layout layout = layout();
            long peakWeights = 0;
            long peakMapped = 0;
            for (Block block : architecture.blocks()) {
                long all = block.linears().stream().mapToLong(Counting::weights).sum();
                long pruned =
                        block.linears().stream()
                                .filter(chosen::contains)
                                .mapToLong(Counting::weights)
                                .sum();
                long computed = converts() ? computeBytes() : 0;
                peakMapped = Math.max(peakMapped, all * subject.stored().bytes());
                peakWeights =
                        Math.max(
                                peakWeights,
                                pruned * subject.stored().bytes()
                                        + (calibrated ? (all + pruned) * computed : 0));
            }
            boolean inFile = calibrated && layout.bytes() > settings.activationMemory();
            long streams = recipe.tuning().isPresent() ? 2 * layout.statesAlone().bytes() : 0;
            Block widest = architecture.blocks().getFirst();
            return new Memory(
                    calibrated ? layout.bytes() + streams : 0,
                    inFile,
                    calibrated ? embedding() : 0,
                    peakMapped,
                    peakWeights,
                    calibrated
                            ? WorkingSet.bytes(widest, layout, method.needs(), settings.threads())
                            : 0,
                    calibrated && method.needs() == Statistic.GRAM ? gramBytes(widest) : 0,
                    updateBytes());
        }

        private ActivationStore.Layout layout() {
            return new ActivationStore.Layout(
                    recipe.sampling().windows(),
                    length(),
                    architecture.hidden(),
                    architecture.blocks().stream().mapToInt(TorchBlock::stageWidth).max().orElse(1),
                    recipe.order().keepsStages(),
                    recipe.type().orElseThrow());
        }

        /// A row that is looked up brings a page at least.
        private long embedding() {
            long row = (long) architecture.embedding().width() * subject.stored().bytes();
            return Math.min((long) architecture.vocabulary() * row, tokens * Math.max(row, 4096));
        }

        /// The sum, a product of each thread that waits for its turn, and what a method makes of the sum; `block` keeps those of
        /// all stages.
        private long gramBytes(Block block) {
            long largest = 0;
            long all = 0;
            for (Stage stage : Stage.values()) {
                long square = (long) width(block, stage) * width(block, stage) * Float.BYTES;
                largest = Math.max(largest, square);
                all += square;
            }
            long kept = recipe.order() == CalibrationOrder.BLOCK ? all : largest;
            return kept + Math.max(settings.threads(), 2) * largest;
        }

        private long updateBytes() {
            return chosen.stream()
                    .mapToLong(linear -> method.update().copies() * weights(linear) * Float.BYTES)
                    .max()
                    .orElse(0);
        }

        private boolean converts() {
            return subject.stored()
                    != switch (recipe.type().orElseThrow()) {
                        case FP32 -> DType.F32;
                        case BF16 -> DType.BF16;
                    };
        }

        private long computeBytes() {
            return recipe.type().orElseThrow().bytes();
        }

        private int length() {
            return recipe.sampling().seqlen().orElseThrow();
        }

        private List<Linear> pruned(Block block, Stage stage) {
            return block.linears(stage).stream().filter(chosen::contains).toList();
        }

        /// What norms, sums and the activation function pass over, for each token.
        private static double values(Block block) {
            return WorkingSet.values(block);
        }

        private static int width(Block block, Stage stage) {
            return block.linears(stage).getFirst().inputs();
        }

        private static long weights(Linear linear) {
            return (long) linear.inputs() * linear.outputs();
        }
    }

    /// How often windows go through a block.
    ///
    /// @param all of them
    /// @param withoutDown those that end before the last linear
    /// @param observed those whose inputs are measured
    private record Passes(int all, int withoutDown, int observed) {

        static Passes of(CalibrationOrder order, boolean lastBlock) {
            return switch (order) {
                case STAGE -> new Passes(1, lastBlock ? 1 : 0, 1);
                case BLOCK -> lastBlock ? new Passes(1, 1, 1) : new Passes(2, 1, 1);
            };
        }
    }
}
