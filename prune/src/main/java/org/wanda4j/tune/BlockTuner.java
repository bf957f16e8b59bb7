package org.wanda4j.tune;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Block;
import org.wanda4j.report.PruneReport.TuneReport;
import org.wanda4j.sparse.Mask;
import org.wanda4j.torch.BlockTraining;
import org.wanda4j.torch.BlockTraining.Gradient;
import org.wanda4j.torch.Engine;

/// Trains what survives in a pruned block so that it takes its inputs to where the dense model's hidden states are after
/// that block. The loss is the mean over tokens of the squared difference, in units of the dense state's mean square;
/// masks are held. One block is in memory at a time.
///
/// A tenth of the windows is held out: training ends when the error on them no longer falls, and the best weights, by
/// that error, are what counts.
public final class BlockTuner {

    private static final int WINDOWS_PER_STEP = 8;
    private static final int HELD_OUT = 10;

    private final Engine engine;
    private final ActivationStore inputs;
    private final ActivationStore targets;
    private final Progress progress;
    private final List<Integer> training;
    private final List<Integer> heldOut;

    /// @param inputs hidden states of the pruned model before the block
    /// @param targets hidden states of the dense model after it
    public BlockTuner(
            Engine engine, ActivationStore inputs, ActivationStore targets, Progress progress) {
        this.engine = engine;
        this.inputs = inputs;
        this.targets = targets;
        this.progress = progress;
        List<Integer> batches = IntStream.range(0, inputs.batches()).boxed().toList();
        int first = batches.size() - Math.ceilDiv(batches.size(), HELD_OUT);
        this.heldOut = batches.subList(first, batches.size());
        this.training = first == 0 ? batches : batches.subList(0, first);
    }

    /// Trains a block.
    ///
    /// @param source from a tensor's name to its values at the start
    /// @param trained which tensors are trained, by name
    /// @param masks weights that stay zero, by name of their tensor
    /// @param seed of the order of the windows
    /// @param best receives better values of all tensors, in fp32 and by name; nothing where there are none
    /// @param memory to hold them
    public TuneReport tune(
            Block block,
            Function<MatrixView, TensorView> source,
            Predicate<MatrixView> trained,
            Map<MatrixView, Mask> masks,
            Tuning tuning,
            long seed,
            Map<MatrixView, TensorView> best,
            Arena memory) {
        try (Arena scratch = Arena.ofShared();
                var training =
                        new BlockTraining(
                                block,
                                source,
                                trained,
                                masks,
                                engine.type(),
                                inputs.layout().length(),
                                engine.device(),
                                scratch)) {
            double before = error(training);
            double lowest = before;
            int epoch = 0;
            boolean improves = true;
            while (improves && epoch < tuning.epochs()) {
                train(training, tuning, seed, epoch++);
                double error = error(training);
                improves = error < lowest;
                if (improves) {
                    lowest = error;
                    keep(training.values(), best, memory);
                }
            }
            return new TuneReport(before, lowest, epoch);
        }
    }

    /// Batches of `windows` each that a step takes.
    public static int batchesPerStep(int windows) {
        return Math.ceilDiv(WINDOWS_PER_STEP, windows);
    }

    private void train(BlockTraining block, Tuning tuning, long seed, int epoch) {
        List<Integer> order = new ArrayList<>(training);
        Collections.shuffle(order, new Random(seed + epoch));
        int perStep = batchesPerStep(inputs.windowsOf(0));
        int steps = Math.ceilDiv(order.size(), perStep);
        for (int step = 0; step < steps; step++) {
            List<Integer> batches =
                    order.subList(step * perStep, Math.min((step + 1) * perStep, order.size()));
            double done = (epoch * (double) steps + step) / (tuning.epochs() * (double) steps);
            double rate = tuning.learningRate() * (1 + Math.cos(Math.PI * done)) / 2;
            block.step(gradients(block, batches), rate);
        }
    }

    private List<Gradient> gradients(BlockTraining block, List<Integer> batches) {
        double scale = 1 / values(batches);
        Gradient[] gradients = new Gradient[batches.size()];
        engine.forEach(
                batches.size(),
                i -> {
                    int batch = batches.get(i);
                    gradients[i] = block.gradient(inputs.batch(batch), targets.batch(batch), scale);
                    progress.advance(inputs.tokensOf(batch), "tune");
                });
        return Arrays.asList(gradients);
    }

    private double error(BlockTraining block) {
        double[] errors = new double[heldOut.size()];
        engine.forEach(
                errors.length,
                i -> {
                    int batch = heldOut.get(i);
                    errors[i] = block.error(inputs.batch(batch), targets.batch(batch));
                });
        return Arrays.stream(errors).sum() / values(heldOut);
    }

    private double values(List<Integer> batches) {
        return batches.stream().mapToDouble(inputs::tokensOf).sum() * inputs.layout().hidden();
    }

    private static void keep(
            Map<MatrixView, TensorView> values, Map<MatrixView, TensorView> best, Arena memory) {
        values.forEach((view, value) -> {
            TensorView copy =
                    best.computeIfAbsent(
                            view,
                            _ ->
                                    new TensorView(
                                            value.name(),
                                            value.type(),
                                            value.shape(),
                                            memory.allocate(value.data().byteSize(), 64)));
            copy.data().copyFrom(value.data());
        });
    }
}
