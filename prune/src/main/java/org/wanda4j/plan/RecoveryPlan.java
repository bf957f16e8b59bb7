package org.wanda4j.plan;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Norm;
import org.wanda4j.prune.Recipe;
import org.wanda4j.quantize.NearestPacking;
import org.wanda4j.recover.Recovery;
import org.wanda4j.recover.Recovery.Length;
import org.wanda4j.recover.Recovery.Scope;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.DifferentiableBlock;
import org.wanda4j.torch.DifferentiableBlock.Kept;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.FixedWeights;
import org.wanda4j.torch.GradientSum;
import org.wanda4j.torch.Orthogonal;
import org.wanda4j.torch.Rounding;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.torch.TrainedWeight;
import org.wanda4j.torch.Variable;
import org.wanda4j.torch.WholeWeight;

/// What the recovery of a whole model will take, towards the teacher's logits.
///
/// @param tokens that will be trained on
/// @param operationsPerToken of student and teacher, forward and back
/// @param operationsPerSecond as measured here, all threads together
/// @param roundedPerSecond weights that are rounded a second, likewise; 0 where none are
/// @param seconds predicted
/// @param bytes resident at the peak besides the program
/// @param keptOnDisk bytes that a resumed run needs
public record RecoveryPlan(
        long tokens,
        double operationsPerToken,
        double operationsPerSecond,
        double roundedPerSecond,
        double seconds,
        long bytes,
        long keptOnDisk) {

    /// Logits of a thread, and what their loss is computed with.
    private static final long BYTES_LOGITS = 5L * (1 << 22) * Float.BYTES;

    private static final long MOST_WEIGHTS = 1 << 24;
    private static final int ROUNDS = 3;

    /// Counts the work and measures this machine, which takes a second or two.
    ///
    /// @param scratch a directory
    static RecoveryPlan of(
            ModelFootprint model, Recovery asked, RunSettings settings, Path scratch) {
        Recovery recovery = asked.resolve(model.architecture());
        int length = recovery.seqlen().orElseThrow();
        double rate = measure(model, recovery.type().orElseThrow(), length, settings, scratch);
        double perToken = operationsPerToken(model.architecture(), recovery, settings);
        double rounded = recovery.values().map(it -> rounded(model, it)).orElse(0.0);
        // Of all linears: in each step, and when the result is packed.
        double rounding = rounded > 0 ? weights(model.architecture()) / rounded : 0;
        int roundings = keeps(model.architecture(), length, settings) ? 1 : 2;
        double step = (double) Recovery.WINDOWS_PER_STEP * length;
        double perSecond = 1 / (perToken / rate + roundings * rounding / step);
        long tokens =
                recovery.length() instanceof Length.Tokens(long count)
                        ? count
                        : (long)
                                (Math.max(0, 60 * recovery.minutes().orElseThrow() - rounding)
                                        * perSecond);
        double seconds =
                recovery.minutes().isPresent()
                        ? 60 * recovery.minutes().getAsDouble()
                        : tokens / perSecond + rounding;
        return new RecoveryPlan(
                tokens,
                perToken,
                rate,
                rounded,
                seconds,
                bytes(model, recovery, settings),
                2
                        * (floats(recovery) - 1)
                        * Float.BYTES
                        * trained(model.architecture(), recovery.scope()));
    }

    static double operationsPerToken(Architecture model, Recovery recovery, RunSettings settings) {
        int length = recovery.seqlen().orElseThrow();
        var count = count(length);
        double blocks = model.blocks().stream().mapToDouble(count::pass).sum();
        // The teacher's pass, the student's, and back to its states and weights.
        double passes = recovery.scope() instanceof Scope.Norms ? 3 : 4;
        if (!keeps(model, length, settings)) {
            passes++;
        }
        double head = 2.0 * model.vocabulary() * model.embedding().width();
        double steps =
                trainsMatrices(recovery)
                        ? model.linears().stream()
                                .mapToDouble(it -> Orthogonal.operations(it.outputs(), it.inputs()))
                                .sum()
                        : 0;
        return (passes * blocks + steps) / ((double) Recovery.WINDOWS_PER_STEP * length) + 3 * head;
    }

    private static BlockCount count(int length) {
        return new BlockCount(
                Recipe.DEFAULT,
                _ -> true,
                Recovery.WINDOWS_PER_STEP,
                length,
                new EnumMap<>(Work.class));
    }

    private static boolean keeps(Architecture model, int length, RunSettings settings) {
        return kept(model, length) <= settings.scratchMemory();
    }

    private static long kept(Architecture model, int length) {
        return Recovery.WINDOWS_PER_STEP
                * model.blocks().stream()
                        .mapToLong(it -> DifferentiableBlock.keptBytes(it, model.hidden(), length))
                        .sum();
    }

    static long bytes(ModelFootprint model, Recovery recovery, RunSettings settings) {
        Architecture architecture = model.architecture();
        int length = recovery.seqlen().orElseThrow();
        int type = recovery.type().orElseThrow().bytes();
        Block largest = model.largestBlock();
        long states =
                (long) Recovery.WINDOWS_PER_STEP
                        * length
                        * architecture.hidden()
                        * (architecture.blocks().size() + 3)
                        * Float.BYTES;
        long perWindow = DifferentiableBlock.keptBytes(largest, architecture.hidden(), length);
        long graph =
                keeps(architecture, length, settings)
                        ? kept(architecture, length)
                        : settings.threads() * perWindow;
        boolean whole = recovery.scope() instanceof Scope.All;
        // The teacher's block and, where it is not trained value by value, the student's.
        long blocks = largest.weights() * (whole ? 1 : 2) * type;
        long gradients =
                recovery.scope() instanceof Scope.Norms
                        ? 0
                        : settings.threads() * largest.weights() * Float.BYTES;
        long heads = 2L * architecture.vocabulary() * architecture.embedding().width() * type;
        return floats(recovery) * Float.BYTES * trained(architecture, recovery.scope())
                + states
                + graph
                + blocks
                + gradients
                + heads
                + settings.threads() * BYTES_LOGITS;
    }

    /// How many numbers there are for a value that is trained: itself, its gradient, what the optimiser remembers of it (Muon one,
    /// Adam two), and the best so far. On the disk they are twice, but for the gradient.
    private static long floats(Recovery recovery) {
        return trainsMatrices(recovery) ? 4 : 5;
    }

    /// Whether it trains whole matrices, by Muon.
    private static boolean trainsMatrices(Recovery recovery) {
        return recovery.scope() instanceof Scope.All && recovery.values().isEmpty();
    }

    /// How many values are trained.
    private static long trained(Architecture model, Scope scope) {
        return switch (scope) {
            case Scope.All _ ->
                    model.blocks().stream()
                            .flatMap(Block::views)
                            .mapToLong(view -> (long) view.rows() * view.columns())
                            .sum();
            case Scope.Norms _ ->
                    model.blocks().stream().flatMap(Block::norms).mapToLong(Norm::width).sum();
            case Scope.LowRank(int rank, double _) ->
                    model.linears().stream()
                            .mapToLong(it -> (long) rank * (it.inputs() + it.outputs()))
                            .sum();
        };
    }

    private static long weights(Architecture model) {
        return model.linears().stream().mapToLong(Linear::weights).sum();
    }

    /// Weights a second that are rounded, of a matrix of the model's shape.
    private static double rounded(ModelFootprint model, ValueType values) {
        Block block = SampleBlock.narrowed(model.largestBlock(), MOST_WEIGHTS);
        try (Arena memory = Arena.ofShared()) {
            var sample = new SampleBlock(block, model.stored(), memory);
            MatrixView matrix = block.linears().getFirst().weight();
            return NearestPacking.rate(sample.map(matrix, memory), values);
        }
    }

    /// Operations a second of a block of the model's shape, forward and back.
    private static double measure(
            ModelFootprint model,
            ComputeType type,
            int length,
            RunSettings settings,
            Path scratch) {
        Block block = SampleBlock.narrowed(model.largestBlock(), MOST_WEIGHTS);
        int hidden = block.stages().getFirst().width();
        int windows = Recovery.WINDOWS_PER_STEP;
        var layout =
                new ActivationStore.Layout(
                        windows,
                        length,
                        hidden,
                        TorchBlock.stageWidth(block, hidden),
                        false,
                        ComputeType.FP32,
                        length);
        double fastest = Double.MAX_VALUE;
        try (Arena memory = Arena.ofShared();
                Engine engine = new Engine(type, settings.threads());
                var states =
                        new ActivationStore(layout, new ScratchSpace(layout.bytes(), scratch));
                ActivationStore behind = states.copy()) {
            var sample = new SampleBlock(block, model.stored(), memory);
            SampleBlock.fill(states.states(), DType.F32, new SplittableRandom(2), 1);
            try (var student =
                    new DifferentiableBlock(
                            block,
                            trained(sample, memory),
                            new FixedWeights(sample::map, Device.HOST),
                            type,
                            length,
                            memory)) {
                for (int round = 0; round < ROUNDS; round++) {
                    long start = System.nanoTime();
                    step(engine, student, states, behind);
                    fastest = Math.min(fastest, (System.nanoTime() - start) / 1e9);
                }
            }
        }
        return 3 * count(length).pass(block) / fastest;
    }

    private static Map<MatrixView, TrainedWeight> trained(SampleBlock sample, Arena memory) {
        Map<MatrixView, TrainedWeight> trained = new HashMap<>();
        sample.block()
                .views()
                .forEach(view -> {
                    TensorView value = Rounding.to(DType.F32, sample.map(view, memory), memory);
                    trained.put(
                            view, new WholeWeight(new Variable(value, false, Device.HOST, memory)));
                });
        return trained;
    }

    private static void step(
            Engine engine,
            DifferentiableBlock block,
            ActivationStore states,
            ActivationStore behind) {
        var sum = new GradientSum();
        engine.forEach(
                states.batches(),
                i -> {
                    try (Kept kept = block.keep(states.batch(i), behind.batch(i))) {
                        block.backward(i, kept, behind.batch(i), sum);
                    }
                },
                sum::abandon);
    }
}
