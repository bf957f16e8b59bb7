package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.prune.Preset;
import org.wanda4j.prune.Recipe;
import org.wanda4j.recover.Recovery;
import org.wanda4j.recover.Recovery.Length;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.tune.Tuning;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// How a model is to be pruned.
final class RecipeOptions {

    @Option(
            names = "--preset",
            paramLabel = "fast|balanced|best",
            defaultValue = "fast",
            description =
                    "fast: wanda; balanced: admm; best: admm, then tuning."
                            + " What other options say comes first (default: ${DEFAULT-VALUE})")
    private Preset preset;

    @Option(
            names = "--method",
            paramLabel = "NAME",
            description =
                    "how to score and remove; 'wanda methods' lists them (default: the preset's)")
    private String method;

    @ArgGroup private final Zeros zeros = new Zeros();

    static final class Zeros {
        @Option(
                names = "--sparsity",
                paramLabel = "S",
                description = "fraction of the weights to remove, from 0 to below 1 (default: 0.5)")
        private Double sparsity;

        @Option(
                names = "--pattern",
                paramLabel = "N:M",
                description = "instead: remove N of every M consecutive inputs, as 2:4 or 4:8")
        private String pattern;

        SparsityPattern pattern() {
            if (pattern != null) {
                return SparsityPattern.parseNofM(pattern);
            }
            return sparsity == null
                    ? Recipe.DEFAULT.pattern()
                    : new SparsityPattern.Unstructured(sparsity);
        }
    }

    @Option(
            names = "--allocation",
            paramLabel = "uniform|owl|dlp|lsa",
            description =
                    "how the sparsity is spread over blocks: alike, by outliers, by the median score, or by what"
                            + " half of the weights are worth (default: uniform)")
    private Allocation allocation;

    @Option(
            names = "--sparsity-of",
            paramLabel = "GLOB=S",
            description =
                    "fix the sparsity of linears whose name matches; the others make up for it; repeatable")
    private LinkedHashMap<String, Double> sparsityOf = new LinkedHashMap<>();

    @Option(
            names = "--tune",
            negatable = true,
            description =
                    "train what survives, block by block, towards the dense model's hidden states")
    private Boolean tune;

    @Option(
            names = "--tune-epochs",
            paramLabel = "N",
            description = "most passes over the windows; implies --tune (default: 3)")
    private Integer tuneEpochs;

    @Option(
            names = "--tune-lr",
            paramLabel = "RATE",
            description =
                    "Adam's rate at the start, decaying to 0; implies --tune (default: 3e-4; --preset best: 1e-3)")
    private Double tuneRate;

    @Option(
            names = "--recover",
            description =
                    "train what survives in the whole model towards the dense one afterwards, on the same text; 'wanda recover' has more options")
    private boolean recover;

    @Option(
            names = "--recover-minutes",
            paramLabel = "N",
            description = "how long that takes; implies --recover (default: 15)")
    private Double recoverMinutes;

    @Option(
            names = "--minutes",
            paramLabel = "N",
            description =
                    "how long all of it takes, about: what pruning leaves is for --recover, and a preset does not tune then")
    private Double minutes;

    @Option(
            names = "--values",
            paramLabel = "int8|int4",
            description =
                    "train with weights as they are rounded to this type, and write them packed in it; implies --recover")
    private ValueType values;

    @Mixin private final CalibrationOptions calibration = new CalibrationOptions();

    @Option(
            names = "--order",
            paramLabel = "stage|block",
            defaultValue = "stage",
            description =
                    "stage: each stage sees its pruned predecessors, one forward in all;"
                            + " block: as the published code, two forwards (default: ${DEFAULT-VALUE})")
    private CalibrationOrder order;

    @Option(
            names = "--skip",
            paramLabel = "GLOB",
            description = "leave linears dense whose name matches; repeatable")
    private List<String> skip = List.of();

    @Option(
            names = "--only",
            paramLabel = "GLOB",
            description = "prune only linears whose name matches; repeatable")
    private List<String> only = List.of();

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    /// The text for windows of a model, and for its recovery, where there is one.
    Corpus corpus(Path model) {
        return calibration.corpus(model, preset.recipe().sampling(), trainedOn(), compute);
    }

    /// Of text that the model writes, what recovery takes.
    private long trainedOn() {
        return recovery().map(TrainingOptions::textFor).orElse(0L);
    }

    /// The same for a run that is only planned: nothing is written.
    Corpus plannedCorpus(Path model) {
        return calibration.standIn(model);
    }

    /// How many tokens of the text the model writes; none of a text that is not read.
    long writtenTokens(Path model) {
        return recipe().needsCalibration() || recovery().isPresent()
                ? calibration.writtenTokens(model, preset.recipe().sampling(), trainedOn())
                : 0;
    }

    RunSettings settings(Progress progress) {
        return compute.settings(progress);
    }

    void printBanner() {
        compute.printBanner();
    }

    Recipe recipe() {
        Recipe start = preset.recipe();
        Recipe recipe =
                start.withMethod(method == null ? start.method() : method)
                        .withPattern(zeros.pattern())
                        .withAllocation(
                                allocation == null ? start.allocation() : allocation, sparsityOf)
                        .withTuning(tuning(start))
                        .withOrder(order)
                        .withSampling(calibration.sampling(start.sampling()))
                        .withLinears(skip, only);
        return compute.typeOfWork().map(recipe::withType).orElse(recipe);
    }

    /// The type that a card would compute in.
    ComputeType typeOnCard() {
        return compute.type().orElse(ComputeType.BF16);
    }

    /// How the whole model is trained afterwards, where it is.
    Optional<Recovery> recovery() {
        if (minutes != null && recoverMinutes != null) {
            throw new InvalidInputException(
                    "--minutes is for all of a run, --recover-minutes for a part of it: give one of them");
        }
        if (!recover && recoverMinutes == null && minutes == null && values == null) {
            return Optional.empty();
        }
        Recovery start = Recovery.DEFAULT;
        return Optional.of(
                new Recovery(
                        start.scope(),
                        start.objective(),
                        length(start),
                        start.learningRate(),
                        start.seqlen(),
                        recipe().sampling().seed(),
                        Optional.ofNullable(values),
                        compute.typeOfWork()));
    }

    private Length length(Recovery start) {
        if (minutes != null) {
            return new Length.Total(minutes);
        }
        return recoverMinutes == null ? start.length() : new Length.Minutes(recoverMinutes);
    }

    private Optional<Tuning> tuning(Recipe start) {
        boolean asked = tuneEpochs != null || tuneRate != null || Boolean.TRUE.equals(tune);
        if (Boolean.FALSE.equals(tune)) {
            return Optional.empty();
        }
        if (!asked) {
            return start.tuning().filter(_ -> minutes == null);
        }
        Tuning base = start.tuning().orElse(Tuning.DEFAULT);
        return Optional.of(
                new Tuning(
                        tuneEpochs == null ? base.epochs() : tuneEpochs,
                        tuneRate == null ? base.learningRate() : tuneRate));
    }
}
