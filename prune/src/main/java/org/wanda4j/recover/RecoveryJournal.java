package org.wanda4j.recover;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.Checkpoint.FileState;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.prune.Differences;
import org.wanda4j.report.Phases;
import org.wanda4j.report.RecoverReport.HeldOut;
import org.wanda4j.threads.BackgroundTask;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// How far a recovery has come. Lies in the unfinished output, so that a run can be resumed.
///
/// What training has made so far is kept in two files in turn: while one is written over, the journal names the other. So
/// are the best values.
final class RecoveryJournal implements AutoCloseable {

    /// How far training has come.
    ///
    /// @param steps that are done
    /// @param losses of each of them
    /// @param heldOut so far
    record Progress(int steps, List<Double> losses, List<HeldOut> heldOut) {

        static final Progress NONE = new Progress(0, List.of(), List.of());

        /// The lowest held-out loss.
        HeldOut best() {
            return heldOut.stream().reduce((a, b) -> b.loss() < a.loss() ? b : a).orElseThrow();
        }
    }

    /// What training made, once that is written.
    ///
    /// @param parameters values that were trained
    /// @param sparsity of the output's linears
    /// @param tensors that have other values than in the pruned model, by name
    record Written(long parameters, double sparsity, List<String> tensors) {}

    /// The journal as it lies on the disk.
    ///
    /// @param recipe with the number of steps once that is fixed, and the models' digests if they were known
    /// @param machine the instruction set that computes
    /// @param state number of the file that holds what training has made
    /// @param best number of the file that holds the best values
    /// @param written what training made; once that is there, both files may be gone
    /// @param phases seconds by phase so far
    record Entry(
            RecoveryDocument recipe,
            String machine,
            List<FileState> model,
            Optional<List<FileState>> teacher,
            Progress progress,
            int state,
            int best,
            Optional<Written> written,
            Map<String, Double> phases,
            double seconds) {}

    private final CheckpointWriter writer;
    private final Entry start;
    private final BackgroundTask<String> modelSha256;
    private final Optional<BackgroundTask<String>> teacherSha256;
    private final Phases phases;
    private final boolean resumed;
    private Progress progress;
    private Optional<Integer> steps;
    private int state;
    private int best;
    private Optional<Written> written;

    private RecoveryJournal(
            CheckpointWriter writer,
            Entry start,
            Optional<Entry> left,
            BackgroundTask<String> modelSha256,
            Optional<BackgroundTask<String>> teacherSha256,
            Phases phases) {
        this.writer = writer;
        this.start = start;
        this.modelSha256 = modelSha256;
        this.teacherSha256 = teacherSha256;
        this.phases = phases;
        this.resumed = left.isPresent();
        Entry last = left.orElse(start);
        this.progress = last.progress();
        this.steps = last.recipe().steps();
        this.state = last.state();
        this.best = last.best();
        this.written = last.written();
        phases.add(last.phases(), last.seconds());
    }

    /// Opens the journal in `directory`, or begins one where there is none.
    ///
    /// @param directory is closed with the journal
    /// @param recipe of this run
    /// @param machine what computes
    /// @throws InvalidInputException when the journal is that of another recipe, model, version or machine
    static RecoveryJournal open(
            Checkpoint model,
            Optional<Checkpoint> teacher,
            OutputDirectory directory,
            RecoveryDocument recipe,
            String machine,
            Phases phases) {
        var start =
                new Entry(
                        recipe,
                        machine,
                        model.files(),
                        teacher.map(Checkpoint::files),
                        Progress.NONE,
                        0,
                        0,
                        Optional.empty(),
                        Map.of(),
                        0);
        try {
            directory.journal().ifPresent(file -> checkSame(file, start, directory.target()));
            Optional<Entry> left = directory.journal().map(file -> Json.read(file, Entry.class));
            return new RecoveryJournal(
                    CheckpointWriter.resume(
                            model,
                            directory,
                            left.flatMap(Entry::written).map(Written::tensors).orElse(List.of())),
                    start,
                    left,
                    digest(model, left.flatMap(entry -> entry.recipe().modelSha256())),
                    teacher.map(it ->
                            digest(it, left.flatMap(entry -> entry.recipe().teacherSha256()))),
                    phases);
        } catch (RuntimeException | Error e) {
            directory.close();
            throw e;
        }
    }

    private static BackgroundTask<String> digest(Checkpoint model, Optional<String> known) {
        return known.map(BackgroundTask::of)
                .orElseGet(() -> BackgroundTask.start("wanda-digest", model::sha256));
    }

    /// How far the run of the journal `file` has come, for people.
    static String describe(Path file) {
        JsonNode left = Json.read(file);
        return "%s of %s steps are done"
                .formatted(left.path("progress").path("steps"), left.path("recipe").path("steps"));
    }

    /// Compares the journal `file` with this run, field by field: another version may have written it.
    private static void checkSame(Path file, Entry run, Path output) {
        JsonNode then = Json.read(file);
        JsonNode now = Differences.tree(run);
        List<String> differences = new ArrayList<>(differences(then.path("recipe"), run.recipe()));
        for (String field : List.of("machine", "model", "teacher")) {
            if (!then.path(field).equals(now.path(field))) {
                differences.add(
                        "%s was %s, is %s".formatted(field, then.path(field), now.path(field)));
            }
        }
        if (!differences.isEmpty()) {
            throw new InvalidInputException(
                    "%s: the run that was interrupted was another one, so it cannot be gone on with: %s; repeat its command, or start afresh with --force and without --resume"
                            .formatted(output, String.join(", ", differences)));
        }
    }

    /// In which fields `recipe`, as a run wrote it, differs from this run's, apart from what only a run tells.
    static List<String> differences(JsonNode recipe, RecoveryDocument now) {
        JsonNode then =
                recipe instanceof ObjectNode fields
                        ? fields.deepCopy()
                                .putNull("steps")
                                .putNull("modelSha256")
                                .putNull("teacherSha256")
                        : recipe;
        return Differences.between(then, Differences.tree(now));
    }

    CheckpointWriter writer() {
        return writer;
    }

    /// Whether an interrupted run is gone on with.
    boolean resumed() {
        return resumed;
    }

    Progress progress() {
        return progress;
    }

    /// The number of steps; empty while it is not fixed.
    Optional<Integer> steps() {
        return steps;
    }

    /// Brings the memory of training to where the journal says that it was.
    void restore(List<MemorySegment> training, List<MemorySegment> bestValues) {
        writer.restore(stateFile(state), training);
        writer.restore(bestFile(best), bestValues);
    }

    /// Writes all that a resumed run needs. Afterwards the memory may change.
    ///
    /// @param count of steps in all
    void keep(
            Progress now, int count, List<MemorySegment> training, List<MemorySegment> bestValues) {
        boolean better = progress.heldOut().isEmpty() || !now.best().equals(progress.best());
        phases.time(
                "keep",
                () -> {
                    state = 1 - state;
                    writer.keep(stateFile(state), training);
                    List<String> files = new ArrayList<>(List.of(stateFile(state)));
                    if (better) {
                        best = 1 - best;
                        writer.keep(bestFile(best), bestValues);
                        files.add(bestFile(best));
                    }
                    writer.settle();
                    progress = now;
                    steps = Optional.of(count);
                    writer.writeJournal(Json.write(entry()), files);
                });
    }

    /// What training made; empty while it is not written.
    Optional<Written> written() {
        return written;
    }

    /// All that is trained has been given to the writer: nothing is left to be computed.
    void finish(long parameters, double sparsity) {
        written = Optional.of(new Written(parameters, sparsity, writer.written()));
        writer.writeJournal(Json.write(entry()), List.of());
    }

    private Entry entry() {
        return new Entry(
                start.recipe()
                        .with(
                                steps,
                                modelSha256.ifDone(),
                                teacherSha256.flatMap(BackgroundTask::ifDone)),
                start.machine(),
                start.model(),
                start.teacher(),
                progress,
                state,
                best,
                written,
                phases.seconds(),
                phases.elapsed());
    }

    /// The recipe of this run with all that it told.
    RecoveryDocument recipe() {
        return start.recipe()
                .with(
                        steps,
                        Optional.of(modelSha256.await()),
                        teacherSha256.map(BackgroundTask::await));
    }

    private static String stateFile(int number) {
        return "training-" + number;
    }

    private static String bestFile(int number) {
        return "best-" + number;
    }

    @Override
    public void close() {
        writer.close();
    }
}
