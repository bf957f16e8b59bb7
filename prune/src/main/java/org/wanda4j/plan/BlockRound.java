package org.wanda4j.plan;

import java.lang.foreign.Arena;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.BlockPass.Wanted;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.StageStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.Method;
import org.wanda4j.method.Methods;
import org.wanda4j.method.PruneTask;
import org.wanda4j.method.PrunedLinear;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.sparse.Mask;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Rounding;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.tune.BlockTuner;
import org.wanda4j.tune.Tuning;

/// Prunes one block as a run does, and times each kind of work.
final class BlockRound {

    private static final double MOST_OF_WHOLE = 0.9;

    private final SampleBlock sample;
    private final Recipe recipe;
    private final Method method;
    private final int threads;
    private final long sumMemory;
    private final Arena memory;
    private final Map<MatrixView, TensorView> pruned = new HashMap<>();
    private final Map<MatrixView, Mask> masks = new HashMap<>();
    private final Map<Work, Double> seconds = new EnumMap<>(Work.class);
    private double selecting;

    /// @param sumMemory most bytes for sums over input channels, as for a run
    /// @param memory of what is made of the block
    BlockRound(SampleBlock sample, Recipe recipe, int threads, long sumMemory, Arena memory) {
        this.sample = sample;
        this.recipe = recipe;
        this.method = Methods.named(recipe.method());
        this.threads = threads;
        this.sumMemory = sumMemory;
        this.memory = memory;
        for (Work work : Work.values()) {
            seconds.put(work, 0.0);
        }
    }

    /// Seconds of each kind of work.
    Map<Work, Double> seconds() {
        return seconds;
    }

    /// Prunes the linears without windows.
    void byWeightsAlone() {
        for (Linear linear : sample.block().linears()) {
            long start = System.nanoTime();
            prune(linear, InputStatistics.none());
            add(Work.SCORE, since(start));
        }
    }

    /// Takes random hidden states in `store` through the block, prunes its stages on the way, and tunes it.
    void along(Engine engine, ActivationStore store) {
        DType type = engine.type() == ComputeType.FP32 ? DType.F32 : DType.BF16;
        SampleBlock.fill(store.states(), type, new SplittableRandom(2), 1);
        int share = engine.threadsFor(store.batches());
        long loading = System.nanoTime();
        try (TorchBlock torch = load(engine, store)) {
            add(Work.LOAD, since(loading));
            boolean gram = method.needs() == Statistic.GRAM;
            if (gram) { // To know the part of the squares in the time of all statistics.
                var pass =
                        new BlockPass(
                                engine,
                                torch,
                                store,
                                CalibrationOrder.BLOCK,
                                Wanted.of(Statistic.INPUT_NORMS),
                                Progress.NONE);
                pass.rounds().forEach(round -> pass.collect(round).close());
            }
            Map<String, Double> before = torch.times().seconds();
            long start = System.nanoTime();
            pruneStages(engine, torch, store);
            double forward = since(start) - selecting;
            Map<String, Double> kernels = torch.times().seconds();
            kernels.replaceAll((kernel, sum) -> (sum - before.get(kernel)) / share);
            double statistics = kernels.get("statistics");
            double norms = gram ? part(before.get("statistics") / share, statistics) : statistics;
            add(Work.LINEARS, kernels.get("linears"));
            add(Work.ATTENTION, kernels.get("attention"));
            add(Work.NORMS, norms);
            add(Work.GRAM, statistics - norms);
            add(Work.ACTIVATIONS, forward - kernels.values().stream().mapToDouble(it -> it).sum());
            recipe.tuning().ifPresent(tuning -> tune(tuning, engine, torch, store));
        }
    }

    @SuppressWarnings("MustBeClosed") // The caller does.
    private TorchBlock load(Engine engine, ActivationStore store) {
        return new TorchBlock(
                sample.block(), this::current, engine.type(), store.layout().length());
    }

    private TensorView current(MatrixView view) {
        return pruned.containsKey(view) ? pruned.get(view) : sample.map(view, memory);
    }

    private void pruneStages(Engine engine, TorchBlock torch, ActivationStore store) {
        var pass =
                new BlockPass(
                        engine,
                        torch,
                        store,
                        recipe.order(),
                        new Wanted(method.needs(), recipe.sampling().allExperts(), sumMemory),
                        Progress.NONE);
        for (BlockPass.Round round : pass.rounds()) {
            try (StageStatistics statistics = pass.collect(round)) {
                statistics.stages().forEach(it -> prune(torch, it.getKey(), it.getValue()));
            }
        }
        pass.complete();
    }

    private void prune(TorchBlock torch, Stage stage, InputStatistics statistics) {
        long start = System.nanoTime();
        for (Linear linear : stage.linears()) {
            long pruning = System.nanoTime();
            torch.replace(linear, prune(linear, statistics));
            double all = since(pruning);
            boolean updates = method.update().operations(1, 1) > 0;
            double chosen = updates ? part(choose(linear, statistics), all) : all;
            add(Work.SCORE, chosen);
            add(Work.UPDATE, all - chosen);
        }
        selecting += since(start);
    }

    /// @return the new matrix, not yet rounded to the type of the checkpoint
    private TensorView prune(Linear linear, InputStatistics statistics) {
        TensorView weight = sample.map(linear.weight(), memory);
        boolean exact = recipe.type().orElseThrow() == ComputeType.FP32;
        DType updated = exact ? DType.F32 : weight.type();
        PrunedLinear done =
                method.prune(
                        new PruneTask(
                                weight, statistics, recipe.pattern(), updated, threads, memory));
        TensorView written =
                done.weight().type() == weight.type()
                        ? done.weight()
                        : Rounding.to(weight.type(), done.weight(), memory);
        SparsityProfile.zeros(written).count();
        pruned.put(linear.weight(), written);
        masks.put(linear.weight(), done.mask());
        return done.weight();
    }

    /// Seconds of pruning a linear that scores and choices take.
    private double choose(Linear linear, InputStatistics statistics) {
        TensorView weight = sample.map(linear.weight(), memory);
        long start = System.nanoTime();
        method.selection()
                .select(method.importance().score(weight, statistics), recipe.pattern(), threads);
        return method.update().choices() * since(start);
    }

    /// With the pass that gives the targets, and that of the tuned block.
    private void tune(Tuning tuning, Engine engine, TorchBlock torch, ActivationStore store) {
        long start = System.nanoTime();
        new BlockTuner(
                        engine,
                        store,
                        Collections.nCopies(sample.block().states(), store),
                        Progress.NONE)
                .tune(
                        sample.block(),
                        this::current,
                        _ -> true,
                        masks,
                        tuning,
                        0,
                        new HashMap<>(),
                        memory);
        store.forward(engine, torch, Progress.NONE);
        try (TorchBlock tuned = load(engine, store)) {
            store.forward(engine, tuned, Progress.NONE);
        }
        add(Work.TUNE, since(start));
    }

    /// What of `whole` a part takes that was timed by itself: not all, however busy the machine was.
    private static double part(double seconds, double whole) {
        return Math.min(seconds, MOST_OF_WHOLE * whole);
    }

    private void add(Work work, double spent) {
        seconds.merge(work, spent, Double::sum);
    }

    private static double since(long nanos) {
        return (System.nanoTime() - nanos) / 1e9;
    }
}
