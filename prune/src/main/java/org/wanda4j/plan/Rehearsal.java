package org.wanda4j.plan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.Method;
import org.wanda4j.method.Methods;
import org.wanda4j.method.PruneTask;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.sparse.Mask;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.BlockTraining;
import org.wanda4j.torch.BlockTraining.Gradient;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.GramSum;
import org.wanda4j.torch.KernelTimes.Kernel;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.tune.BlockTuner;

/// A block of the model's own shape, pruned again and again for a second or two by the code that a run uses: how fast this
/// machine is at each part of it.
final class Rehearsal {

    /// Weights of the block, at most: more would take longer than anyone waits.
    private static final long MOST_WEIGHTS = 1 << 25;

    /// The same where matrices are inverted.
    private static final long MOST_WEIGHTS_INVERTED = 5_000_000;

    /// Where a block is small, several batches for each thread: else what is timed would be how threads start.
    private static final int MOST_BATCHES = 12;

    private static final long WEIGHTS_OF_ALL_BATCHES = 1 << 24;
    private static final long ENOUGH_NANOS = 1_500_000_000;
    private static final double TINY_RATE = 1e-9;
    private static final int FEWEST_ROUNDS = 3;
    private static final int MOST_ROUNDS = 40;

    /// What is timed.
    private enum Part {
        LOAD,
        LINEARS,
        ATTENTION,
        ACTIVATIONS,
        MEASURE,
        GRAM,
        CHOOSE,
        SHARED,
        UPDATE,
        TUNE
    }

    private final Recipe recipe;
    private final Method method;
    private final RunSettings settings;
    private final ActivationStore.Layout layout;
    private final SmallBlock model;
    private final Block block;
    private final List<MemorySegment> hidden = new ArrayList<>();
    private final List<MemorySegment> between = new ArrayList<>();
    private final List<Map<Part, Double>> rounds = new ArrayList<>();

    private Rehearsal(Subject subject, Recipe recipe, RunSettings settings, Arena memory) {
        this.recipe = recipe;
        this.method = Methods.named(recipe.method());
        this.settings = settings;
        this.model =
                new SmallBlock(
                        subject.architecture().blocks().getFirst(),
                        method.needs() == Statistic.GRAM ? MOST_WEIGHTS_INVERTED : MOST_WEIGHTS,
                        subject.stored(),
                        memory);
        this.block = model.block();
        int length = recipe.sampling().seqlen().orElseThrow();
        int width = SmallBlock.attention(block).output().outputs();
        ComputeType type = recipe.type().orElseThrow();
        var whole =
                new ActivationStore.Layout(
                        recipe.sampling().windows(),
                        length,
                        width,
                        TorchBlock.stageWidth(block, width),
                        true,
                        type);
        int windows = Math.min(recipe.sampling().windows(), whole.windowsPerBatch());
        this.layout =
                new ActivationStore.Layout(
                        windows, length, width, TorchBlock.stageWidth(block, width), true, type);
        if (recipe.needsCalibration()) {
            int each =
                    Math.clamp(
                            Math.round(WEIGHTS_OF_ALL_BATCHES / weights(block.linears())),
                            1,
                            MOST_BATCHES);
            for (int batch = 0; batch < settings.threads() * each; batch++) {
                hidden.add(memory.allocate(layout.statesAlone().bytes(), 64));
                between.add(memory.allocate(layout.bytes() - layout.statesAlone().bytes(), 64));
            }
        }
    }

    /// Measures this machine.
    ///
    /// @param recipe with nothing left open
    /// @param disk where the output goes
    static Rates of(Subject subject, Recipe recipe, Corpus text, Path disk, RunSettings settings) {
        Surroundings.Reading reading =
                recipe.needsCalibration()
                        ? Surroundings.tokens(subject.directory(), text)
                        : Surroundings.Reading.NONE;
        double read = subject.shard().map(Surroundings::read).orElse(0.0);
        double written = Surroundings.write(disk);
        Rehearsal rehearsal;
        try (Arena memory = Arena.ofShared();
                Engine engine = new Engine(recipe.type().orElseThrow(), settings.threads())) {
            rehearsal = new Rehearsal(subject, recipe, settings, memory);
            rehearsal.rehearse(engine);
        }
        return rehearsal.rates(reading, read, written);
    }

    private void rehearse(Engine engine) {
        long start = System.nanoTime();
        while (rounds.size() < FEWEST_ROUNDS
                || (rounds.size() < MOST_ROUNDS && System.nanoTime() - start < ENOUGH_NANOS)) {
            Map<Part, Double> round = new EnumMap<>(Part.class);
            for (Part part : Part.values()) {
                round.put(part, 0.0);
            }
            try (Arena memory = Arena.ofShared()) {
                round(engine, round, memory);
            }
            rounds.add(round);
        }
    }

    private void round(Engine engine, Map<Part, Double> times, Arena memory) {
        var random = new SplittableRandom(2);
        DType type = layout.type() == ComputeType.FP32 ? DType.F32 : DType.BF16;
        hidden.forEach(states -> SmallBlock.fill(states, type, random, 1));
        long start = System.nanoTime();
        try (TorchBlock torch =
                new TorchBlock(block, model::tensor, layout.type(), layout.length())) {
            add(times, Part.LOAD, start);
            double forward = 0;
            for (Step step : torch.steps()) {
                Stage stage = step.stages().getFirst();
                forward += forward(engine, batch -> torch.advanceTo(step, batch));
                try (InputStatistics statistics = measure(engine, times, torch, stage)) {
                    boolean first = true;
                    for (Linear linear : stage.linears()) {
                        TensorView pruned = prune(times, linear, statistics, first, memory);
                        long replacing = System.nanoTime();
                        torch.replace(linear, pruned);
                        add(times, Part.LOAD, replacing);
                        first = false;
                    }
                }
            }
            forward += forward(engine, torch::finish);
            if (!hidden.isEmpty()) {
                int threads = engine.threadsFor(hidden.size());
                double linears = torch.times().seconds(Kernel.LINEARS) / threads;
                double attention = torch.times().seconds(Kernel.ATTENTION) / threads;
                times.merge(Part.LINEARS, linears, Double::sum);
                times.merge(Part.ATTENTION, attention, Double::sum);
                times.merge(Part.ACTIVATIONS, forward - linears - attention, Double::sum);
            }
        }
        if (recipe.tuning().isPresent()) {
            times.put(Part.TUNE, train(engine, memory));
        }
    }

    /// Seconds of a step.
    private double train(Engine engine, Arena memory) {
        Map<MatrixView, Mask> masks =
                block.linears().stream()
                        .collect(
                                Collectors.toMap(
                                        Linear::weight, it -> new Mask(it.outputs(), it.inputs())));
        try (var training =
                new BlockTraining(
                        block,
                        model::tensor,
                        _ -> true,
                        masks,
                        layout.type(),
                        layout.length(),
                        memory)) {
            Gradient[] gradients = new Gradient[stepBatches()];
            long start = System.nanoTime();
            engine.forEach(
                    gradients.length, i -> gradients[i] = training.gradient(batch(i), batch(i), 1));
            training.step(Arrays.asList(gradients), TINY_RATE);
            return seconds(start);
        }
    }

    private int stepBatches() {
        return Math.min(hidden.size(), BlockTuner.batchesPerStep(layout.windows()));
    }

    private Batch batch(int index) {
        return Batch.over(
                layout.windows(),
                layout.length(),
                hidden.get(index),
                between.get(index),
                layout.type());
    }

    /// Runs every batch through `work`; seconds that it took.
    private double forward(Engine engine, Consumer<Batch> work) {
        long start = System.nanoTime();
        engine.forEach(hidden.size(), i -> work.accept(batch(i)));
        return seconds(start);
    }

    private InputStatistics measure(
            Engine engine, Map<Part, Double> times, TorchBlock torch, Stage stage) {
        if (hidden.isEmpty()) {
            return InputStatistics.none();
        }
        int width = stage.width();
        float[] norms = new float[width];
        long start = System.nanoTime();
        engine.forEach(
                hidden.size(),
                i -> {
                    float[] sums =
                            torch.measure(stage, batch(i), i, Optional.empty(), false).squares();
                    if (i == 0) {
                        System.arraycopy(sums, 0, norms, 0, width);
                    }
                });
        double plain = add(times, Part.MEASURE, start);
        for (int j = 0; j < width; j++) {
            norms[j] = (float) Math.sqrt(norms[j]);
        }
        if (method.needs() != Statistic.GRAM) {
            return new InputStatistics(norms, norms, layout.length(), Optional.empty());
        }
        var sum = new GramSum(width, layout.type(), engine.threads());
        try {
            long squaring = System.nanoTime();
            engine.forEach(
                    hidden.size(),
                    i -> torch.measure(stage, batch(i), i, Optional.of(sum), false),
                    sum::abandon);
            times.merge(Part.GRAM, seconds(squaring) - plain, Double::sum);
            long averaging = System.nanoTime();
            Gram gram = sum.mean(layout.windows() * hidden.size());
            add(times, Part.SHARED, averaging);
            return new InputStatistics(norms, norms, layout.length(), Optional.of(gram));
        } catch (RuntimeException | Error e) {
            sum.close();
            throw e;
        }
    }

    /// @param first whether what the stage's linears share is still to be made
    private TensorView prune(
            Map<Part, Double> times,
            Linear linear,
            InputStatistics statistics,
            boolean first,
            Arena memory) {
        var task =
                new PruneTask(
                        model.tensor(linear.weight()),
                        statistics,
                        recipe.pattern(),
                        model.tensor(linear.weight()).type(),
                        settings.threads(),
                        memory);
        boolean updates = method.update().operations(1, 1) > 0;
        double whole = updates ? apply(task) : 0;
        double again = first && updates ? apply(task) : whole;
        times.merge(Part.SHARED, Math.max(0, whole - again), Double::sum);
        long start = System.nanoTime();
        TensorView pruned = model.tensor(linear.weight());
        if (updates) {
            method.selection()
                    .select(
                            method.importance().score(task.weight(), statistics),
                            recipe.pattern(),
                            settings.threads());
        } else {
            pruned = method.prune(task).weight();
        }
        SparsityProfile.zeros(pruned).count();
        double choice = add(times, Part.CHOOSE, start);
        times.merge(
                Part.UPDATE,
                updates ? beyond(again, method.update().choices() * choice) : 0,
                Double::sum);
        return pruned;
    }

    private double apply(PruneTask task) {
        long start = System.nanoTime();
        method.prune(task);
        return seconds(start);
    }

    private static double add(Map<Part, Double> times, Part part, long start) {
        double seconds = seconds(start);
        times.merge(part, seconds, Double::sum);
        return seconds;
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    /// From seconds of the parts to rates.
    private Rates rates(Surroundings.Reading reading, double read, double written) {
        Map<Part, Double> took = new EnumMap<>(Part.class);
        for (Part part : Part.values()) {
            took.put(part, usual(part));
        }
        double tokens = (double) layout.windows() * layout.length() * hidden.size();
        double weights = weights(block.linears());
        double measured = 0;
        double gram = 0;
        double shared = 0;
        double update = 0;
        for (Stage stage : block.stages()) {
            double width = stage.width();
            measured += tokens * width;
            gram += tokens * width * width;
            shared += method.update().sharedOperations((long) width);
            for (Linear linear : stage.linears()) {
                update += method.update().operations(linear.outputs(), linear.inputs());
            }
        }
        double first = rounds.getFirst().values().stream().mapToDouble(it -> it).sum();
        double usual = took.values().stream().mapToDouble(it -> it).sum();
        return new Rates(
                finite(2 * tokens * weights / took.get(Part.LINEARS)),
                finite(
                        TorchBlock.attentionOperations(block, layout.length())
                                * layout.windows()
                                * hidden.size()
                                / took.get(Part.ATTENTION)),
                finite(WorkingSet.values(block) * tokens / took.get(Part.ACTIVATIONS)),
                finite(measured / took.get(Part.MEASURE)),
                finite(gram / took.get(Part.GRAM)),
                finite(shared / took.get(Part.SHARED)),
                finite(update / took.get(Part.UPDATE)),
                finite(3 * passOperations(weights) * stepBatches() / took.get(Part.TUNE)),
                finite(weights / took.get(Part.CHOOSE)),
                finite(weights / took.get(Part.LOAD)),
                read,
                written,
                reading.tokens(),
                reading.seconds(),
                Math.max(0, first - usual),
                PeakMemory.resident().orElseGet(() -> PeakMemory.bytes().orElse(0)));
    }

    /// Of a batch through the block: linears and heads.
    private double passOperations(double weights) {
        return layout.windows()
                * (2.0 * layout.length() * weights
                        + TorchBlock.attentionOperations(block, layout.length()));
    }

    /// The lower quartile: a run has long been warm, and a neighbour only ever takes time.
    private double usual(Part part) {
        double[] sorted =
                rounds.stream().skip(1).mapToDouble(round -> round.get(part)).sorted().toArray();
        return sorted[sorted.length / 4];
    }

    /// What is left of `seconds`; not nothing, for clocks and neighbours are what they are.
    private static double beyond(double seconds, double explained) {
        return Math.max(seconds - explained, seconds / 50);
    }

    private static double finite(double rate) {
        return Double.isFinite(rate) && rate > 0 ? rate : 0;
    }

    private static double weights(List<Linear> linears) {
        return linears.stream()
                .mapToDouble(linear -> (double) linear.inputs() * linear.outputs())
                .sum();
    }
}
