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
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.BlockTraining;
import org.wanda4j.torch.BlockTraining.Gradient;
import org.wanda4j.torch.Engine;

/// Trains what survives in a pruned block so that it takes its inputs to where the dense model's hidden states are behind
/// each of its branches. The loss is the mean over tokens and branches of the squared difference, in units of the dense state's
/// mean square; masks are held. One block is in memory at a time.
///
/// A tenth of the windows is held out: training ends when the error on them no longer falls, and the best weights, by
/// that error, are what counts.
public final class BlockTuner {

    private static final int WINDOWS_PER_STEP = 2;
    private static final int HELD_OUT = 10;

    /// Windows of a step, and one to be held out.
    public static final int FEWEST_WINDOWS = WINDOWS_PER_STEP + 1;

    private final Engine engine;
    private final ActivationStore inputs;
    private final List<ActivationStore> targets;
    private final Progress progress;
    private final List<Integer> training;
    private final List<Integer> heldOut;

    /// @param inputs hidden states of the pruned model before the block
    /// @param targets hidden states of the dense model behind each of its branches, [Block#states()] of them
    public BlockTuner(
            Engine engine,
            ActivationStore inputs,
            List<ActivationStore> targets,
            Progress progress) {
        this.engine = engine;
        this.inputs = inputs;
        this.targets = List.copyOf(targets);
        this.progress = progress;
        List<Integer> windows = IntStream.range(0, inputs.layout().windows()).boxed().toList();
        int first = windows.size() - Math.ceilDiv(windows.size(), HELD_OUT);
        this.heldOut = windows.subList(first, windows.size());
        this.training = first == 0 ? windows : windows.subList(0, first);
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

    private void train(BlockTraining block, Tuning tuning, long seed, int epoch) {
        List<Integer> order = new ArrayList<>(training);
        Collections.shuffle(order, new Random(seed + epoch));
        int steps = Math.ceilDiv(order.size(), WINDOWS_PER_STEP);
        for (int step = 0; step < steps; step++) {
            int first = step * WINDOWS_PER_STEP;
            List<Integer> windows =
                    order.subList(first, Math.min(first + WINDOWS_PER_STEP, order.size()));
            double done = (epoch * (double) steps + step) / (tuning.epochs() * (double) steps);
            double rate = tuning.learningRate() * (1 + Math.cos(Math.PI * done)) / 2;
            block.step(engine, gradients(block, windows), rate);
        }
    }

    private List<Gradient> gradients(BlockTraining block, List<Integer> windows) {
        double scale = 1 / values(windows);
        Gradient[] gradients = new Gradient[windows.size()];
        engine.forEach(
                windows.size(),
                i -> {
                    int window = windows.get(i);
                    gradients[i] = block.gradient(input(window), targets(window), scale);
                    progress.advance(inputs.layout().length(), "tune");
                });
        return Arrays.asList(gradients);
    }

    private double error(BlockTraining block) {
        double[] errors = new double[heldOut.size()];
        engine.forEach(
                errors.length,
                i -> {
                    int window = heldOut.get(i);
                    errors[i] = block.error(input(window), targets(window));
                });
        return Arrays.stream(errors).sum() / values(heldOut);
    }

    private Batch input(int window) {
        return inputs.windows(window, 1);
    }

    private List<Batch> targets(int window) {
        return targets.stream().map(store -> store.windows(window, 1)).toList();
    }

    private double values(List<Integer> windows) {
        return (double) windows.size()
                * inputs.layout().length()
                * inputs.layout().hidden()
                * targets.size();
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
