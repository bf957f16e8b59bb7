package org.wanda4j.recover;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Pruner;
import org.wanda4j.quantize.NearestPacking;
import org.wanda4j.recover.Recovery.Objective;
import org.wanda4j.recover.Recovery.Scope;
import org.wanda4j.report.ModelCard;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.report.Phases;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Optimiser;
import tools.jackson.databind.JsonNode;

/// Trains what survives in a pruned checkpoint, masks held, and publishes the result as an ordinary checkpoint. Where norms alone are
/// trained, the checkpoint may be packed; then the result is too, with the same packed values.
public final class Recoverer {

    /// Windows that are held out.
    private static final int HELD_OUT = Recovery.WINDOWS_PER_STEP;

    private static final List<String> DOCUMENTS =
            List.of(Pruner.RECIPE, Pruner.REPORT, RecoverReport.RECIPE, RecoverReport.FILE);

    private static final Duration INTERVAL = Duration.ofMinutes(1);

    private final Checkpoint pruned;
    private final Optional<Checkpoint> dense;
    private final Recovery recovery;
    private final Corpus text;
    private final Path published;
    private final RunSettings settings;
    private final Duration interval;
    private final Architecture architecture;
    private final Phases phases = new Phases();

    /// @param published name of the output in the end
    /// @param interval shortest time between two states that are kept for a run that resumes this one
    Recoverer(
            Checkpoint pruned,
            Optional<Checkpoint> dense,
            Recovery recovery,
            Corpus text,
            Path published,
            RunSettings settings,
            Duration interval) {
        this.pruned = pruned;
        this.dense = dense;
        this.text = text;
        this.published = published;
        this.settings = settings;
        this.interval = interval;
        this.architecture = Families.describe(pruned);
        this.recovery = recovery.resolve(architecture);
        recovery.values().ifPresent(_ -> settings.requireHost("--values"));
        if (!(recovery.scope() instanceof Scope.Norms)) {
            pruned.requireUnpacked();
        }
        checkTeacher();
    }

    private void checkTeacher() {
        if (dense.isEmpty() != recovery.objective() instanceof Objective.Text) {
            throw new InvalidInputException(
                    dense.isEmpty()
                            ? "name the dense model with --teacher, or train on the text alone with --loss text"
                            : "--loss text trains on the text alone; leave --teacher out");
        }
        dense.ifPresent(it -> OutputDirectory.requireApart(published, it));
        dense.map(Families::describe)
                .filter(teacher ->
                        teacher.vocabulary() != architecture.vocabulary()
                                || teacher.hidden() != architecture.hidden()
                                || teacher.blocks().size() != architecture.blocks().size())
                .ifPresent(teacher -> {
                    throw new InvalidInputException(
                            "%s (%s) is not of the shape of its teacher %s (%s); give the dense model that it was pruned from"
                                    .formatted(
                                            pruned.directory(),
                                            shape(architecture),
                                            dense.get().directory(),
                                            shape(teacher)));
                });
    }

    private static String shape(Architecture model) {
        return "%d blocks, hidden size %d, vocabulary %,d"
                .formatted(model.blocks().size(), model.hidden(), model.vocabulary());
    }

    /// Writes a recovered copy of `pruned` to `output`, which appears there whole or not at all.
    ///
    /// A run that is cut off, or fails by an I/O error, leaves what it had come to for [#resume]. Where the recovery has a type of
    /// packed values, the copy is packed in it.
    ///
    /// @param dense the teacher; none where the loss is that of the text
    /// @param text to train on
    /// @param replace whether a checkpoint that is already at `output` may be replaced, and what an interrupted run left
    ///     there may be cleared away
    /// @throws InvalidInputException when something that was given cannot be used; nothing is left behind
    public static RecoverReport recover(
            Checkpoint pruned,
            Optional<Checkpoint> dense,
            Recovery recovery,
            Corpus text,
            Path output,
            boolean replace,
            RunSettings settings) {
        var recoverer = new Recoverer(pruned, dense, recovery, text, output, settings, INTERVAL);
        return recovery.values().isPresent()
                ? new RecoverAndPack(recoverer, recovery.values().get(), output, replace).run()
                : recoverer.begin(output, replace);
    }

    /// Resumes an interrupted run on `output`; the result is the same, byte for byte, as without the interruption. Where there is
    /// no run, one is started; where the run is complete, its report is returned.
    ///
    /// @param replace whether a checkpoint that is already at `output` may be replaced
    /// @throws InvalidInputException when something that was given cannot be used, or the run that was interrupted had
    ///     another recipe, model or version; what it left stays
    public static RecoverReport resume(
            Checkpoint pruned,
            Optional<Checkpoint> dense,
            Recovery recovery,
            Corpus text,
            Path output,
            boolean replace,
            RunSettings settings) {
        var recoverer = new Recoverer(pruned, dense, recovery, text, output, settings, INTERVAL);
        return recovery.values().isPresent()
                ? new RecoverAndPack(recoverer, recovery.values().get(), output, replace).resume()
                : recoverer.resume(output, replace);
    }

    /// Begins a run that writes an ordinary checkpoint.
    RecoverReport begin(Path output, boolean replace) {
        return run(claim(output, replace));
    }

    /// Resumes a run that writes an ordinary checkpoint, or begins one; the report where it is complete.
    RecoverReport resume(Path output, boolean replace) {
        return ended(output).orElseGet(() -> run(OutputDirectory.resume(output, pruned, replace)));
    }

    OutputDirectory claim(Path output, boolean replace) {
        return OutputDirectory.claim(output, pruned, replace);
    }

    /// How far the run on `output` had come that was interrupted, in words; empty where nothing is left of one.
    public static Optional<String> left(Path output) {
        return OutputDirectory.journalOf(output)
                .map(RecoveryJournal::describe)
                .or(() -> RecoverAndPack.left(output));
    }

    /// The report of the complete run on `output`; empty where that is no run of this recipe, or a journal is left.
    Optional<RecoverReport> ended(Path output) {
        Optional<RecoverReport> report =
                reportOf(output, architecture, dense, recovery, text, Optional.of(pruned));
        report.ifPresent(_ -> claim(output, true).close()); // Clears away the rest.
        return report;
    }

    /// What the complete run on `output` says of itself; empty where that is no run of this recipe, or a journal is left.
    ///
    /// @param model of the architecture of both
    /// @param pruned what it must have been made of; anything where empty
    static Optional<RecoverReport> reportOf(
            Path output,
            Architecture model,
            Optional<Checkpoint> dense,
            Recovery recovery,
            Corpus text,
            Optional<Checkpoint> pruned) {
        Path document = output.resolve(RecoverReport.RECIPE);
        if (!Files.exists(document) || OutputDirectory.journalOf(output).isPresent()) {
            return Optional.empty();
        }
        JsonNode then = Json.read(document);
        var now = RecoveryDocument.of(recovery.resolve(model), text);
        return RecoveryJournal.differences(then, now).isEmpty()
                        && isModel(then.path("teacherSha256"), dense)
                        && (pruned.isEmpty() || isModel(then.path("modelSha256"), pruned))
                ? Optional.of(Json.read(output.resolve(RecoverReport.FILE), RecoverReport.class))
                : Optional.empty();
    }

    private static boolean isModel(JsonNode sha256, Optional<Checkpoint> model) {
        return sha256.asString("").equals(model.map(Checkpoint::sha256).orElse(""));
    }

    private RecoverReport run(OutputDirectory directory) {
        try (var journal =
                RecoveryJournal.open(
                        pruned,
                        dense,
                        directory,
                        phases.time("text", () -> RecoveryDocument.of(recovery, text)),
                        Engine.machine(settings.device()),
                        phases)) {
            return run(directory, journal);
        }
    }

    /// Where what failed would only happen again, nothing is left to be resumed.
    private RecoverReport run(OutputDirectory directory, RecoveryJournal journal) {
        try {
            return publish(journal);
        } catch (InvalidInputException e) {
            journal.writer().abandon();
            if (!(e.getCause() instanceof IOException)) {
                directory.discard();
            }
            throw directory
                    .journal()
                    .map(file ->
                            new InvalidInputException(
                                    "%s; %s, and --resume goes on from there"
                                            .formatted(
                                                    e.getMessage(), RecoveryJournal.describe(file)),
                                    e))
                    .orElse(e);
        } catch (RuntimeException | Error e) {
            journal.writer().abandon();
            throw e;
        }
    }

    private RecoverReport publish(RecoveryJournal journal) {
        try (Engine engine = settings.engine(recovery.type().orElseThrow())) {
            if (journal.written().isEmpty()) {
                train(journal, engine);
            }
            CheckpointWriter writer = journal.writer();
            phases.time("write", writer::complete);
            RecoveryDocument document = phases.time("hash", journal::recipe);
            RecoverReport report = report(journal, engine);
            writer.publish(documents(document, report));
            return report;
        }
    }

    private void train(RecoveryJournal journal, Engine engine) {
        ComputeType type = recovery.type().orElseThrow();
        int length = recovery.seqlen().orElseThrow();
        CheckpointWriter writer = journal.writer();
        try (Arena memory = Arena.ofShared();
                Tokenizer tokenizer =
                        phases.time("tokenize", () -> Tokenizer.open(pruned.directory()))) {
            TrainingText windows = windows(text, tokenizer, recovery);
            LayerwiseForward.check(pruned, architecture, windows.heldOut());
            try (var student =
                            phases.time(
                                    "load",
                                    () ->
                                            new Student(
                                                    pruned,
                                                    architecture,
                                                    recovery.scope(),
                                                    recovery.values(),
                                                    type,
                                                    length,
                                                    recovery.seed(),
                                                    engine.device(),
                                                    memory));
                    var optimiser =
                            new Optimiser(
                                    engine,
                                    student.variables(),
                                    recovery.values().isPresent(),
                                    memory)) {
                try (var pass =
                        new ModelPass(
                                engine,
                                student,
                                dense.map(it -> new Teacher(it, Families.describe(it), type)),
                                recovery.objective(),
                                Recovery.WINDOWS_PER_STEP,
                                length,
                                settings.scratch(writer.scratch()))) {
                    new Training(
                                    recovery,
                                    windows,
                                    pass,
                                    optimiser,
                                    student,
                                    journal,
                                    phases,
                                    settings.progress(),
                                    packing(),
                                    interval)
                            .run();
                }
                phases.time(
                        "write",
                        () -> {
                            student.write(writer);
                            journal.finish(student.parameters(), student.sparsity());
                        });
            }
        }
    }

    /// @param recovery whose windows have a length
    /// @throws InvalidInputException when the text is too short
    static TrainingText windows(Corpus text, Tokenizer tokenizer, Recovery recovery) {
        return new TrainingText(
                text, tokenizer, recovery.seqlen().orElseThrow(), recovery.seed(), HELD_OUT);
    }

    /// Seconds that the result is packed in.
    private double packing() {
        return recovery.values().map(it -> NearestPacking.seconds(pruned, it)).orElse(0.0);
    }

    /// Those of the pruning are kept.
    private Map<String, String> documents(RecoveryDocument recipe, RecoverReport report) {
        Map<String, String> documents = documentsOf(pruned.directory());
        documents.put(RecoverReport.RECIPE, Json.write(recipe));
        documents.put(RecoverReport.FILE, Json.write(report));
        documents.put(
                "README.md", ModelCard.recovered(pruned.directory(), figures(recipe, report)));
        return documents;
    }

    /// What earlier runs say of a model.
    static Map<String, String> documentsOf(Path model) {
        Map<String, String> documents = new LinkedHashMap<>();
        for (String name : DOCUMENTS) {
            Path file = model.resolve(name);
            if (Files.exists(file)) {
                documents.put(name, Json.write(Json.read(file)));
            }
        }
        return documents;
    }

    private static SequencedMap<String, String> figures(
            RecoveryDocument recipe, RecoverReport report) {
        var figures = new LinkedHashMap<String, String>();
        figures.put("trained", recipe.train());
        recipe.values().ifPresent(values -> figures.put("values", values));
        figures.put(
                "loss",
                recipe.teacherSha256().isPresent()
                        ? "divergence from the dense model"
                        : "log likelihood of a text");
        figures.put("tokens", "%,d of %s".formatted(report.tokens(), recipe.text()));
        figures.put(
                "held-out loss",
                "%.4f before, %.4f after".formatted(report.lossBefore(), report.lossAfter()));
        return figures;
    }

    private RecoverReport report(RecoveryJournal journal, Engine engine) {
        RecoveryJournal.Progress progress = journal.progress();
        RecoveryJournal.Written written = journal.written().orElseThrow();
        long tokens =
                (long) progress.steps()
                        * Recovery.WINDOWS_PER_STEP
                        * recovery.seqlen().orElseThrow();
        return new RecoverReport(
                pruned.directory().toString(),
                dense.map(it -> it.directory().toString()),
                published.toAbsolutePath().normalize().toString(),
                written.parameters(),
                written.sparsity(),
                progress.steps(),
                tokens,
                recovery.rate(progress.heldOut().getFirst().loss(), journal.steps()),
                progress.heldOut().getFirst().loss(),
                progress.best().loss(),
                progress.heldOut(),
                progress.losses(),
                tokens / phases.elapsed(),
                phases.elapsed(),
                phases.seconds(),
                PeakMemory.bytes(),
                engine.describe());
    }
}
