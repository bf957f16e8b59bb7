package org.wanda4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.Workers;
import org.wanda4j.checkpoint.AtomicFile;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.Reason;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.compare.Cell;
import org.wanda4j.compare.Cell.Speed;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Recipe;

/// What was measured of variants of a model, kept in OUT/cells, so that no cell is computed twice.
final class Cells implements AutoCloseable {

    private final Variants.Plan plan;
    private final Variants variants;
    private final Architecture architecture;
    private final String common;
    private final Map<Variant, CellTasks.Outcome> outcomes = new HashMap<>();
    private final Set<Variant> used = new HashSet<>();

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

    /// A variant that is to be measured.
    ///
    /// @param recipe that the model is pruned by; empty for the model as it is
    record Wanted(Variant variant, Optional<Recipe> recipe) {}

    /// Something that was measured, on disk.
    ///
    /// @param key everything that decides it
    private record Kept(String key, Object result) {}

    /// What a variant is, but for its quality.
    record Probe(long bytes, Optional<Speed> speed) {}

    Cells(Variants.Plan plan, RunSettings settings) {
        this.plan = plan;
        this.variants = new Variants(plan, settings);
        try (Checkpoint checkpoint = Checkpoint.open(plan.model())) {
            this.architecture = Families.describe(checkpoint);
            this.common =
                    "%s, %s, %s, wanda4j %s"
                            .formatted(
                                    checkpoint.sha256(),
                                    plan.evaluation().key(),
                                    plan.keeping().bench()
                                            ? "speed by " + settings.threads()
                                            : "no speed",
                                    Main.Version.text());
        }
    }

    /// Has workers make and measure variants, as far as they were not kept.
    void measureBy(Workers workers, List<Wanted> wanted) {
        List<CellTasks.Task> left =
                wanted.stream()
                        .filter(each -> !isKept(each.variant().file(), key(each)))
                        .map(each -> new CellTasks.Task(each.variant(), pruning(each)))
                        .toList();
        new CellTasks(plan, workers)
                .run(
                        left,
                        (task, outcome) -> {
                            Wanted measured =
                                    new Wanted(
                                            task.variant(),
                                            task.pruning().map(Variants.Pruning::recipe));
                            Console.note(task.variant().file());
                            outcomes.put(task.variant(), outcome);
                            outcome.cell()
                                    .ifPresent(cell ->
                                            keep(task.variant().file(), key(measured), cell));
                        });
    }

    /// The model as it is, packed where the variant says so.
    Cell dense(Optional<ValueType> values) {
        return cell(new Wanted(Variant.dense(values), Optional.empty()));
    }

    /// The model pruned by a recipe, and packed where the variant says so. Its checkpoint stays until [#forget].
    Cell pruned(Variant variant, Recipe recipe) {
        return cell(new Wanted(variant, Optional.of(recipe)));
    }

    /// Size, and speed where it is asked for, of the dense model packed.
    Probe probe(ValueType values) {
        return probe(new Wanted(Variant.dense(Optional.of(values)), Optional.empty()));
    }

    /// Size, and speed where it is asked for, of the model pruned by a recipe and packed.
    Probe probe(Variant variant, Recipe recipe) {
        return probe(new Wanted(variant, Optional.of(recipe)));
    }

    /// The cell as workers measured it, as it was kept, or measured now.
    private Cell cell(Wanted wanted) {
        Variant variant = wanted.variant();
        if (outcomes.containsKey(variant)) {
            return outcomes.get(variant).get();
        }
        return kept(
                variant.file(),
                key(wanted),
                Cell.class,
                () -> variants.cell(variant, pruning(wanted)));
    }

    private Probe probe(Wanted wanted) {
        Variant variant = wanted.variant();
        return kept(
                "probe-" + variant.file(),
                madeBy(wanted),
                Probe.class,
                () -> variants.probe(variant, pruning(wanted)));
    }

    private Optional<Variants.Pruning> pruning(Wanted wanted) {
        wanted.recipe().ifPresent(_ -> used.add(wanted.variant().unpacked()));
        return wanted.recipe().map(recipe -> new Variants.Pruning(recipe, madeBy(wanted)));
    }

    /// Everything that decides the checkpoint of a variant before it is packed.
    private String madeBy(Wanted wanted) {
        return wanted.recipe()
                .map(recipe ->
                        "%s, %s, %s"
                                .formatted(
                                        common,
                                        plan.text().sha256(),
                                        Json.writeLine(recipe.resolve(architecture))))
                .orElse(common);
    }

    /// Everything that decides a cell.
    private String key(Wanted wanted) {
        return Variants.isCalibrated(wanted.variant())
                ? "%s, rounded along %s %s, norms trained"
                        .formatted(
                                madeBy(wanted),
                                plan.text().sha256(),
                                Json.writeLine(plan.sampling()))
                : madeBy(wanted);
    }

    /// What was measured before, or is measured.
    private <T> T kept(String name, String key, Class<T> type, Supplier<T> measure) {
        if (isKept(name, key)) {
            Console.note(name + ": kept from before");
            return Json.read(file(name), "result", type);
        }
        Console.note(name);
        T result = measure.get();
        keep(name, key, result);
        return result;
    }

    private Path file(String name) {
        return plan.output().resolve("cells").resolve(name + ".json");
    }

    private boolean isKept(String name, String key) {
        return keyOf(file(name)).equals(Optional.of(key));
    }

    private void keep(String name, String key, Object result) {
        write(file(name), Json.write(new Kept(key, result)));
    }

    /// Of a file that says what decides something.
    static Optional<String> keyOf(Path file) {
        return Optional.of(file)
                .filter(Files::exists)
                .map(Json::read)
                .map(kept -> kept.path("key").asString(""));
    }

    /// Where the checkpoint of a variant is, as long as it is kept.
    Path checkpoint(Variant variant) {
        return variants.checkpoint(variant);
    }

    /// How fast the runtime is with a checkpoint, as `wanda bench` measures it.
    Speed speed(Path checkpoint) {
        return variants.speed(checkpoint);
    }

    /// Removes the checkpoint of a variant that was pruned, where checkpoints are not kept.
    void forget(Variant variant) {
        if (used.remove(variant)) {
            variants.forget(variant);
        }
    }

    @Override
    public void close() {
        variants.close();
    }

    static void write(Path file, String text) {
        makeDirectory(file.toAbsolutePath().getParent());
        AtomicFile.write(file, text);
    }

    static void makeDirectory(Path directory) {
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
