package org.wanda4j.plan;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.method.Methods;
import org.wanda4j.method.NoUpdate;
import org.wanda4j.method.WeightUpdate;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.prune.Recipe;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.TorchBlock;

/// What a run will take whose windows, statistics and linears are a card's. Serialised as it stands: `docs/json.md` documents the
/// fields.
///
/// Operations are divided by the card's rate of products; all else by that of its memory, and by how many bytes libtorch's
/// operations read and write for a value. Nothing is taken to overlap.
///
/// @param card that runs it
/// @param phases seconds; without those of the host, which are as they are without a card
/// @param seconds of them
/// @param memory bytes on the card at the peak, besides what CUDA and libtorch's allocator take for themselves
/// @param peakBytes in all
public record CardPlan(
        CardRates card,
        Map<String, Double> phases,
        double seconds,
        Map<String, Long> memory,
        long peakBytes) {

    /// A score, in fp32 and the compute type: written, read by softmax, written, rounded, read.
    private static final int BYTES_OF_SCORE = 16;

    /// A value that linears read: norms in fp32, residual sums, activation functions.
    private static final int BYTES_OF_VALUE = 24;

    /// A value that is squared in fp64 and added.
    private static final int BYTES_OF_SQUARE = 34;

    /// A weight that is scored, sorted in its row by passes over numbers and places, and marked.
    private static final int BYTES_OF_CHOICE = 150;

    /// Bytes there of a weight whose linear is pruned: itself, its score, both sorted, its place, and what is removed.
    private static final int HELD_OF_WEIGHT = 40;

    /// Bytes there of a value of a Gram matrix while it is factorised: itself, and three in fp64.
    private static final int HELD_OF_GRAM = 28;

    /// Counts a run.
    ///
    /// @param asked recipe with nothing left open
    static CardPlan of(ModelFootprint model, Recipe asked, CardRates card) {
        Recipe recipe = asked.withType(card.type());
        Map<String, Double> phases = phases(model, recipe, card);
        Map<String, Long> memory = memory(model, recipe, card.type());
        return new CardPlan(
                card,
                phases,
                phases.values().stream().mapToDouble(it -> it).sum(),
                memory,
                memory.values().stream().mapToLong(it -> it).sum());
    }

    private static Map<String, Double> phases(ModelFootprint model, Recipe recipe, CardRates card) {
        Workload workload = Workload.of(model, recipe);
        Map<Work, Double> work = new EnumMap<>(workload.work());
        WeightUpdate update = Methods.named(recipe.method()).update();
        double stored = model.stored().bytes();
        double heads = work.get(Work.ATTENTION) / 4 / headSize(model.architecture());
        double factors = factors(model.architecture(), recipe, update);
        Map<String, Double> phases = new LinkedHashMap<>();
        // A block; each pruned matrix again to be scored, and as it became.
        phases.put(
                "upload",
                stored * (work.get(Work.LOAD) + 2.0 * workload.parameters()) / card.link());
        phases.put("linears", work.get(Work.LINEARS) / card.products());
        phases.put(
                "attention",
                work.get(Work.ATTENTION) / card.products()
                        + BYTES_OF_SCORE * heads / card.bandwidth());
        phases.put("activations", BYTES_OF_VALUE * work.get(Work.ACTIVATIONS) / card.bandwidth());
        // Of a Gram matrix, both halves.
        phases.put(
                "statistics",
                BYTES_OF_SQUARE * work.get(Work.NORMS) / card.bandwidth()
                        + 2 * work.get(Work.GRAM) / card.products());
        phases.put(
                "select",
                BYTES_OF_CHOICE * work.get(Work.SCORE) / card.bandwidth()
                        + factors / card.products64()
                        + (work.get(Work.UPDATE) - factors) / card.products());
        phases.put("tune", work.get(Work.TUNE) / card.products());
        double returned = update instanceof NoUpdate ? 1.0 / Byte.SIZE : stored;
        phases.put("download", returned * workload.parameters() / card.link());
        return phases;
    }

    private static double headSize(Architecture architecture) {
        return architecture.blocks().stream()
                .flatMap(Block::attentions)
                .mapToInt(Attention::headSize)
                .findFirst()
                .orElse(1);
    }

    private static double factors(Architecture architecture, Recipe recipe, WeightUpdate update) {
        Set<Linear> chosen = recipe.linears(architecture);
        return architecture.blocks().stream()
                .flatMap(block -> block.stages().stream())
                .filter(stage -> stage.linears().stream().anyMatch(chosen::contains))
                .mapToDouble(stage -> update.sharedOperations(stage.width()))
                .sum();
    }

    private static Map<String, Long> memory(ModelFootprint model, Recipe recipe, ComputeType type) {
        Architecture architecture = model.architecture();
        Block block = model.largestBlock();
        int length = recipe.sampling().seqlen().orElseThrow();
        long windows = recipe.needsCalibration() ? recipe.sampling().windows() : 0;
        int width = TorchBlock.stageWidth(architecture);
        var layout =
                new ActivationStore.Layout(
                        (int) windows,
                        length,
                        architecture.hidden(),
                        width,
                        recipe.order().keepsStages(),
                        type,
                        ActivationStore.TOKENS_PER_DEVICE_BATCH);
        long states = recipe.tuning().isPresent() ? 3 : 1;
        long together = Math.min(windows, layout.windowsPerBatch());
        Map<String, Long> memory = new LinkedHashMap<>();
        memory.put("states", states * layout.hiddenBytes());
        memory.put("stages", layout.betweenBytes());
        // The one in use and the next.
        memory.put("weights", 2 * block.weights() * type.bytes());
        memory.put(
                "work",
                Math.max(
                        batch(block, layout, together, width, type) + grams(block, recipe, type),
                        selection(block, recipe)));
        return memory;
    }

    /// What lives of a batch at once: values between steps and their fp64 squares, or scores of a slice of queries.
    private static long batch(
            Block block, ActivationStore.Layout layout, long windows, int width, ComputeType type) {
        long tokens = windows * layout.length();
        long between = tokens * (width + layout.hidden()) * type.bytes();
        long scores =
                block.attentions()
                        .mapToLong(it ->
                                windows
                                        * it.heads()
                                        * TorchBlock.QUERIES_AT_ONCE
                                        * Math.min(
                                                layout.length(),
                                                it.window().orElse(Integer.MAX_VALUE))
                                        * (2L * type.bytes() + Float.BYTES))
                        .max()
                        .orElse(0);
        return between
                + Math.max(scores, tokens * width * (long) (Double.BYTES + 2 * type.bytes()));
    }

    private static long grams(Block block, Recipe recipe, ComputeType type) {
        if (Methods.named(recipe.method()).needs() != Statistic.GRAM) {
            return 0;
        }
        List<Stage> stages = block.stages();
        long all = stages.stream().mapToLong(CardPlan::values).sum();
        long largest = stages.stream().mapToLong(CardPlan::values).max().orElse(0);
        return Float.BYTES * (recipe.order().keepsStages() ? largest : all)
                + type.bytes() * largest;
    }

    private static long values(Stage stage) {
        return (long) stage.width() * stage.width();
    }

    private static long selection(Block block, Recipe recipe) {
        boolean gram = Methods.named(recipe.method()).needs() == Statistic.GRAM;
        long weights = block.linears().stream().mapToLong(Linear::weights).max().orElse(0);
        long largest = block.stages().stream().mapToLong(CardPlan::values).max().orElse(0);
        long others =
                recipe.order().keepsStages()
                        ? 0
                        : block.stages().stream().mapToLong(CardPlan::values).sum() - largest;
        return HELD_OF_WEIGHT * weights
                + (gram ? HELD_OF_GRAM * largest + Float.BYTES * others : 0);
    }
}
