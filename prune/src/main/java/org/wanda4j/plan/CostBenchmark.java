package org.wanda4j.plan;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.method.Methods;
import org.wanda4j.model.Block;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.NativeHeap;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.tune.BlockTuner;
import org.wanda4j.tune.Tuning;

/// Prunes the largest block of a model again and again, with weights at random: how fast this machine is at each kind of
/// work, and how much memory a block needs.
///
/// A block that would take too long is narrowed by a factor. Where memory is measured, windows and
/// batches are shorter by the same factor: weights, activations and Gram matrices then all shrink by its square, and what
/// was measured is multiplied by that.
final class CostBenchmark {

    /// Weights of the block, at most; fewer where matrices are inverted.
    private static final long MOST_WEIGHTS = 1 << 25;

    private static final long MOST_WEIGHTS_INVERTED = 5_000_000;

    /// A small block is given several batches for each thread: else the start of threads would be what is timed.
    private static final int MOST_BATCHES = 12;

    private static final long WEIGHTS_OF_ALL_BATCHES = 1 << 24;
    private static final double ENOUGH_SECONDS = 1.5;
    private static final int FEWEST_ROUNDS = 3;
    private static final int MOST_ROUNDS = 40;

    private final Recipe recipe;
    private final ModelFootprint model;
    private final RunSettings settings;
    private final Block block;
    private final Path scratch;

    /// What was measured.
    ///
    /// @param rates units of work a second, all threads together; 0 for work that the recipe has none of
    /// @param startSeconds by which the first round took longer than the next
    /// @param programBytes resident before a block is loaded
    /// @param blockBytes that a block of the model needs besides, at its peak
    record Costs(
            Map<Work, Double> rates, double startSeconds, long programBytes, long blockBytes) {}

    private CostBenchmark(ModelFootprint model, Recipe recipe, RunSettings settings, Path scratch) {
        this.model = model;
        this.recipe =
                recipe.withTuning(recipe.tuning().map(it -> new Tuning(1, it.learningRate())));
        this.settings = settings;
        this.scratch = scratch;
        boolean inverts = Methods.named(recipe.method()).needs() == Statistic.GRAM;
        this.block =
                SampleBlock.narrowed(
                        model.largestBlock(), inverts ? MOST_WEIGHTS_INVERTED : MOST_WEIGHTS);
    }

    /// Measures this machine.
    ///
    /// @param recipe with nothing left open
    /// @param scratch a directory
    static Costs of(ModelFootprint model, Recipe recipe, RunSettings settings, Path scratch) {
        return new CostBenchmark(model, recipe, settings, scratch).costs();
    }

    private Costs costs() {
        double scale = scale();
        ActivationStore.Layout layout = layout(1);
        ActivationStore.Layout shrunk = layout(Math.sqrt(scale));
        if (scale > 1) {
            // As large as they are in a run, matrices would be given back as soon as they are
            // freed.
            NativeHeap.keepBelow(Math.round(NativeHeap.LARGEST_KEPT / scale));
        }
        double first = total(rounds(shrunk, 1).getFirst());
        PeakMemory.reset();
        long program = PeakMemory.resident().orElseGet(() -> PeakMemory.bytes().orElse(0));
        List<Map<Work, Double>> rounds = rounds(shrunk, FEWEST_ROUNDS);
        long taken = PeakMemory.bytes().orElse(0) - program;
        if (scale > 1) {
            NativeHeap.keepBelow(NativeHeap.LARGEST_KEPT);
        }
        long store = recipe.needsCalibration() ? shrunk.bytes() : 0;
        return new Costs(
                rates(layout.equals(shrunk) ? rounds : rounds(layout, FEWEST_ROUNDS), layout),
                Math.max(0, first - total(rounds.getFirst())),
                program,
                Math.round(scale * Math.max(0, taken - store)));
    }

    /// How many times more weights the model's block has.
    private double scale() {
        return (double) model.largestBlock().weights() / block.weights();
    }

    /// @param shrinking what windows and batches are shorter by than those of a run
    private ActivationStore.Layout layout(double shrinking) {
        int length = shrunk(recipe.sampling().seqlen().orElseThrow(), shrinking);
        int tokens = shrunk(ActivationStore.TOKENS_PER_BATCH, shrinking);
        int perBatch = Math.max(1, tokens / length);
        long forEachThread = WEIGHTS_OF_ALL_BATCHES / block.weights();
        int batches = settings.threads() * Math.clamp(forEachThread, 1, MOST_BATCHES);
        if (recipe.tuning().isPresent()) {
            batches = Math.max(batches, Math.ceilDiv(BlockTuner.FEWEST_WINDOWS, perBatch));
        }
        int hidden = block.stages().getFirst().width();
        return new ActivationStore.Layout(
                Math.min(recipe.sampling().windows(), perBatch * batches),
                length,
                hidden,
                TorchBlock.stageWidth(block, hidden),
                recipe.order().keepsStages(),
                recipe.type().orElseThrow(),
                tokens);
    }

    private static int shrunk(int tokens, double shrinking) {
        return (int) Math.max(1, Math.round(tokens / shrinking));
    }

    /// Seconds by kind of work, of each round.
    private List<Map<Work, Double>> rounds(ActivationStore.Layout layout, int fewest) {
        try (Arena memory = Arena.ofShared()) {
            var sample = new SampleBlock(block, model.stored(), memory);
            if (!recipe.needsCalibration()) {
                return repeat(sample, BlockRound::byWeightsAlone, fewest);
            }
            try (Engine engine = new Engine(layout.type(), settings.threads());
                    var store =
                            new ActivationStore(
                                    layout, new ScratchSpace(layout.bytes(), scratch))) {
                return repeat(sample, round -> round.along(engine, store), fewest);
            }
        }
    }

    private List<Map<Work, Double>> repeat(
            SampleBlock sample, Consumer<BlockRound> work, int fewest) {
        List<Map<Work, Double>> rounds = new ArrayList<>();
        double sum = 0;
        while (rounds.size() < fewest
                || (fewest > 1 && rounds.size() < MOST_ROUNDS && sum < ENOUGH_SECONDS)) {
            try (Arena memory = Arena.ofShared()) {
                var round =
                        new BlockRound(
                                sample,
                                recipe,
                                settings.threads(),
                                Math.round(settings.scratchMemory() / scale()),
                                memory);
                work.accept(round);
                rounds.add(round.seconds());
                sum += total(round.seconds());
            }
        }
        return rounds;
    }

    private static double total(Map<Work, Double> seconds) {
        return seconds.values().stream().mapToDouble(it -> it).sum();
    }

    /// From seconds to rates. Of the rounds, the lower quartile counts: other programs only ever take time.
    private Map<Work, Double> rates(List<Map<Work, Double>> rounds, ActivationStore.Layout layout) {
        int windows = recipe.needsCalibration() ? layout.windows() : 0;
        Map<Work, Double> rates = new EnumMap<>(Work.class);
        new BlockCount(recipe, _ -> true, windows, layout.length(), rates).add(block, false);
        rates.replaceAll((work, amount) -> {
            double[] seconds =
                    rounds.stream().mapToDouble(round -> round.get(work)).sorted().toArray();
            double usual = seconds[seconds.length / 4];
            return amount > 0 && usual > 0 ? amount / usual : 0;
        });
        return rates;
    }
}
