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

    private static final int TASKS_PER_STEP = 2;
    private static final int HELD_OUT = 10;

    /// Batches of a step, and one to be held out; a task has at most the windows of a batch.
    public static final int FEWEST_BATCHES = TASKS_PER_STEP + 1;

    private final Engine engine;
    private final ActivationStore inputs;
    private final List<ActivationStore> targets;
    private final Progress progress;
    private final List<Task> training;
    private final List<Task> heldOut;

    /// Windows whose gradient one thread computes.
    private record Task(int first, int count) {}

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
        List<Task> tasks = tasks(inputs.layout());
        int first = tasks.size() - Math.ceilDiv(tasks.size(), HELD_OUT);
        this.heldOut = tasks.subList(first, tasks.size());
        this.training = first == 0 ? tasks : tasks.subList(0, first);
    }

    private static List<Task> tasks(ActivationStore.Layout layout) {
        int count = windowsPerTask(layout);
        return IntStream.range(0, Math.ceilDiv(layout.windows(), count))
                .map(i -> i * count)
                .mapToObj(first -> new Task(first, Math.min(count, layout.windows() - first)))
                .toList();
    }

    /// A step takes about as many tokens as a batch has.
    private static int windowsPerTask(ActivationStore.Layout layout) {
        return Math.max(1, layout.tokensPerBatch() / TASKS_PER_STEP / layout.length());
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
        List<Task> order = new ArrayList<>(training);
        Collections.shuffle(order, new Random(seed + epoch));
        int steps = Math.ceilDiv(order.size(), TASKS_PER_STEP);
        for (int step = 0; step < steps; step++) {
            int first = step * TASKS_PER_STEP;
            List<Task> tasks = order.subList(first, Math.min(first + TASKS_PER_STEP, order.size()));
            double done = (epoch * (double) steps + step) / (tuning.epochs() * (double) steps);
            double rate = tuning.learningRate() * (1 + Math.cos(Math.PI * done)) / 2;
            block.step(engine, gradients(block, tasks), rate);
        }
    }

    private List<Gradient> gradients(BlockTraining block, List<Task> tasks) {
        double scale = 1 / values(tasks);
        Gradient[] gradients = new Gradient[tasks.size()];
        engine.forEach(
                tasks.size(),
                i -> {
                    Task task = tasks.get(i);
                    gradients[i] = block.gradient(of(inputs, task), targets(task), scale);
                    progress.advance(tokens(task), "tune");
                });
        return Arrays.asList(gradients);
    }

    private double error(BlockTraining block) {
        double[] errors = new double[heldOut.size()];
        engine.forEach(
                errors.length,
                i -> {
                    Task task = heldOut.get(i);
                    errors[i] = block.error(of(inputs, task), targets(task));
                });
        return Arrays.stream(errors).sum() / values(heldOut);
    }

    private static Batch of(ActivationStore store, Task task) {
        return store.windows(task.first(), task.count());
    }

    private List<Batch> targets(Task task) {
        return targets.stream().map(store -> of(store, task)).toList();
    }

    private double values(List<Task> tasks) {
        return tasks.stream().mapToDouble(this::tokens).sum()
                * inputs.layout().hidden()
                * targets.size();
    }

    private long tokens(Task task) {
        return (long) task.count() * inputs.layout().length();
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
