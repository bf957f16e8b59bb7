package org.wanda4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.AtomicFile;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.Reason;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.compare.Cell;
import org.wanda4j.compare.Cell.Speed;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.ModelCard;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.report.PruneReport;
import org.wanda4j.runtime.Throughput;
import org.wanda4j.text.Corpus;

/// Variants of a model: makes each, measures it, and keeps what was measured in OUT/cells, so that no cell is computed twice.
///
/// A variant's checkpoint is in OUT/models while it is needed. Beside it lies what decided it, so that a run that was stopped
/// within a variant goes on with it.
final class Cells implements AutoCloseable {

    private static final int PROMPT_TOKENS = 512;
    private static final int TOKENS = 128;
    private static final int REPEATS = 5;

    private final Path model;
    private final Path output;
    private final Corpus text;
    private final Recipe.Sampling sampling;
    private final Evaluation evaluation;
    private final ComputeOptions compute;
    private final Keeping keeping;
    private final Architecture architecture;
    private final String common;
    private final Set<Variant> used = new HashSet<>();
    private Optional<Evaluation.Reference> reference = Optional.empty();

    /// What is measured and kept.
    ///
    /// @param bench whether speed is measured
    /// @param models whether checkpoints are kept
    record Keeping(boolean bench, boolean models) {}

    /// How a variant is called.
    ///
    /// @param method as the command line spells it
    /// @param pattern as the command line spells it; empty for a model that is not pruned
    record Variant(String method, String pattern, Optional<ValueType> values) {

        static Variant dense(Optional<ValueType> values) {
            return new Variant(Cell.DENSE, "", values);
        }

        Variant packed(ValueType type) {
            return new Variant(method, pattern, Optional.of(type));
        }

        Variant unpacked() {
            return new Variant(method, pattern, Optional.empty());
        }

        /// For people.
        String name() {
            return Cell.name(method, pattern, values.map(ValueType::label));
        }

        /// For files.
        String file() {
            String zeros = pattern.isEmpty() ? "" : "-" + pattern.replace(":", "of");
            return method + zeros + values.map(type -> "-" + type.label()).orElse("");
        }
    }

    /// Something that was measured, on disk.
    ///
    /// @param key everything that decides it
    private record Kept(String key, Object result) {}

    /// A checkpoint on disk that is being made.
    ///
    /// @param key everything that decides it
    private record Begun(String key) {}

    /// A checkpoint of a variant.
    ///
    /// @param seconds that it took to make
    private record Made(
            Path checkpoint, double sparsity, double seconds, OptionalLong peakResidentBytes) {}

    /// What a variant is, but for its quality.
    record Probe(long bytes, Optional<Speed> speed) {}

    /// @param model is pruned and packed
    /// @param output directory
    /// @param text calibration text
    /// @param sampling windows of it that packed weights are rounded along
    Cells(
            Path model,
            Path output,
            Corpus text,
            Recipe.Sampling sampling,
            Evaluation evaluation,
            ComputeOptions compute,
            Keeping keeping) {
        this.model = model;
        this.output = output;
        this.text = text;
        this.sampling = sampling;
        this.evaluation = evaluation;
        this.compute = compute;
        this.keeping = keeping;
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            this.architecture = Families.describe(checkpoint);
            this.common =
                    "%s, %s, %s, wanda4j %s"
                            .formatted(
                                    checkpoint.sha256(),
                                    evaluation.key(),
                                    keeping.bench() ? "speed by " + threads() : "no speed",
                                    Main.Version.text());
        }
    }

    private int threads() {
        return compute.threads();
    }

    /// The model as it is, packed where the variant says so.
    Cell dense(Optional<ValueType> values) {
        Variant variant = Variant.dense(values);
        return cell(variant, common, this::given);
    }

    private Made given() {
        return new Made(model, 0, 0, OptionalLong.empty());
    }

    /// The model pruned by a recipe, and packed where the variant says so. Its checkpoint stays until [#forget].
    Cell pruned(Variant variant, Recipe recipe) {
        String key = key(recipe);
        return cell(variant, key, () -> made(variant.unpacked(), recipe, key));
    }

    /// Size, and speed where it is asked for, of the dense model packed.
    Probe probe(ValueType values) {
        Variant variant = Variant.dense(Optional.of(values));
        return probe(variant, common, this::given);
    }

    /// Size, and speed where it is asked for, of the model pruned by a recipe and packed.
    Probe probe(Variant variant, Recipe recipe) {
        String key = key(recipe);
        return probe(variant, key, () -> made(variant.unpacked(), recipe, key));
    }

    private Probe probe(Variant variant, String key, Supplier<Made> checkpoint) {
        return kept(
                "probe-" + variant.file(),
                key,
                Probe.class,
                () -> {
                    // Of the same size and speed, in less time.
                    Made made = packed(checkpoint.get(), variant, false);
                    Optional<Speed> speed =
                            keeping.bench()
                                    ? Optional.of(speed(bench(made.checkpoint(), 0)))
                                    : Optional.empty();
                    Probe probe = new Probe(bytes(made.checkpoint()), speed);
                    delete(made.checkpoint());
                    return probe;
                });
    }

    private String key(Recipe recipe) {
        return "%s, %s, %s"
                .formatted(common, text.sha256(), Json.writeLine(recipe.resolve(architecture)));
    }

    private static boolean isCalibrated(Variant variant) {
        return variant.values().map(Packing::of).filter(Packing::isUsuallyCalibrated).isPresent();
    }

    private String calibrationKey() {
        return text.sha256() + " " + Json.writeLine(sampling);
    }

    /// The cell as it was kept, or measured.
    private Cell cell(Variant variant, String key, Supplier<Made> checkpoint) {
        boolean calibrated = isCalibrated(variant);
        return kept(
                variant.file(),
                calibrated ? key + ", rounded along " + calibrationKey() : key,
                Cell.class,
                () -> {
                    Made made = packed(checkpoint.get(), variant, calibrated);
                    Cell cell = measure(variant, made);
                    if (keeping.models() && !made.checkpoint().equals(model)) {
                        ModelCard.enter(made.checkpoint(), Figures.of(cell));
                    } else if (variant.values().isPresent()) {
                        delete(made.checkpoint());
                    }
                    return cell;
                });
    }

    /// What was measured before, or is measured.
    private <T> T kept(String name, String key, Class<T> type, Supplier<T> measure) {
        Path file = output.resolve("cells").resolve(name + ".json");
        if (keyOf(file).equals(Optional.of(key))) {
            Console.note(name + ": kept from before");
            return Json.read(file, "result", type);
        }
        Console.note(name);
        T result = measure.get();
        write(file, Json.write(new Kept(key, result)));
        return result;
    }

    private static Optional<String> keyOf(Path file) {
        return Optional.of(file)
                .filter(Files::exists)
                .map(Json::read)
                .map(kept -> kept.path("key").asString(""));
    }

    private Made made(Variant variant, Recipe recipe, String key) {
        Path target = checkpoint(variant);
        Path mark = mark(variant);
        boolean begun = keyOf(mark).equals(Optional.of(key));
        write(mark, Json.write(new Begun(key)));
        used.add(variant);
        PeakMemory.reset();
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var progress = new ProgressDisplay()) {
            RunSettings settings = compute.settings(progress);
            PruneReport report =
                    begun
                            ? Pruner.resume(checkpoint, recipe, text, target, true, settings)
                            : Pruner.prune(checkpoint, recipe, text, target, true, settings);
            return new Made(
                    target, report.sparsity(), report.seconds(), report.peakResidentBytes());
        }
    }

    /// @param calibrated whether it is rounded along the text
    private Made packed(Made made, Variant variant, boolean calibrated) {
        if (variant.values().isEmpty()) {
            return made;
        }
        Path target = checkpoint(variant);
        makeDirectory(target.getParent());
        Packing packing = Packing.of(variant.values().get());
        PackReport report =
                calibrated
                        ? packing.calibrated(
                                made.checkpoint(), sampling, text, compute, target, true)
                        : packing.nearest(made.checkpoint(), target, true);
        return new Made(
                target,
                made.sparsity(),
                made.seconds() + report.seconds(),
                made.peakResidentBytes());
    }

    /// Where the checkpoint of a variant is, as long as it is kept.
    Path checkpoint(Variant variant) {
        return output.resolve("models").resolve(variant.file());
    }

    private Path mark(Variant variant) {
        return output.resolve("models").resolve(variant.file() + ".json");
    }

    private Cell measure(Variant variant, Made made) {
        boolean given = made.checkpoint().equals(model);
        Evaluation.Result result;
        try (var progress = new ProgressDisplay()) {
            RunSettings settings = compute.settings(progress);
            result =
                    evaluation.measure(
                            made.checkpoint(),
                            given ? Optional.empty() : Optional.of(reference(settings)),
                            settings,
                            _ -> {});
        }
        Optional<Throughput> speed =
                keeping.bench()
                        ? Optional.of(bench(made.checkpoint(), PROMPT_TOKENS))
                        : variant.values().map(_ -> bytesPerToken(made.checkpoint()));
        return new Cell(
                variant.name(),
                variant.method(),
                variant.pattern(),
                made.sparsity(),
                variant.values().map(ValueType::label),
                result.perplexity().orElseThrow(),
                result.divergence(),
                result.tasks(),
                made.seconds(),
                made.peakResidentBytes(),
                bytes(made.checkpoint()),
                speed.map(it -> OptionalLong.of(it.bytesPerToken())).orElse(OptionalLong.empty()),
                speed.filter(_ -> keeping.bench()).map(Cells::speed));
    }

    private Evaluation.Reference reference(RunSettings settings) {
        if (reference.isEmpty()) {
            reference = Optional.of(evaluation.reference(model, settings));
        }
        return reference.get();
    }

    /// How fast the runtime is with a checkpoint, as `wanda bench` measures it.
    Speed speed(Path checkpoint) {
        return speed(bench(checkpoint, PROMPT_TOKENS));
    }

    private Throughput bench(Path checkpoint, int prompt) {
        int longest = architecture.positions();
        return Throughput.measure(
                checkpoint,
                new Throughput.Work(
                        Math.min(prompt, longest), Math.min(TOKENS, longest), 1, REPEATS),
                threads(),
                Optional.empty());
    }

    /// What the runtime reads for a token; its speed is not measured.
    private Throughput bytesPerToken(Path checkpoint) {
        return Throughput.measure(checkpoint, Throughput.Work.NONE, threads(), Optional.empty());
    }

    private static Speed speed(Throughput measured) {
        Throughput.Rate prefill = measured.prefillRate();
        Throughput.Rate decode = measured.decodeRate();
        return new Speed(prefill.mean(), prefill.deviation(), decode.mean(), decode.deviation());
    }

    private static long bytes(Path directory) {
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            return checkpoint.bytes();
        }
    }

    /// Removes the checkpoint of a variant that was pruned, where checkpoints are not kept.
    void forget(Variant variant) {
        if (!keeping.models() && used.remove(variant)) {
            delete(checkpoint(variant));
            delete(mark(variant));
        }
    }

    @Override
    public void close() {
        reference.ifPresent(Evaluation.Reference::close);
    }

    private static void write(Path file, String text) {
        makeDirectory(file.toAbsolutePath().getParent());
        AtomicFile.write(file, text);
    }

    private static void makeDirectory(Path directory) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot make the directory " + directory + ": " + Reason.of(e), e);
        }
    }

    static void delete(Path path) {
        try (Stream<Path> files = Files.exists(path) ? Files.walk(path) : Stream.empty()) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new InvalidInputException("cannot remove " + path + ": " + Reason.of(e), e);
        }
    }
}
