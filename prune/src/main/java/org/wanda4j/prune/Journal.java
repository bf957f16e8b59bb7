package org.wanda4j.prune;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.wanda4j.allocate.Allocation.BlockScores;
import org.wanda4j.calibrate.KeptStates;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.Checkpoint.FileState;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.model.Block;
import org.wanda4j.report.Phases;
import org.wanda4j.report.PruneReport.BlockReport;
import org.wanda4j.sparse.Mask;
import org.wanda4j.threads.BackgroundTask;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Which blocks of a run are done. Lies in the unfinished output, so that a run can be resumed.
///
/// A block counts once the disk has its tensors, its masks and the hidden states behind it. The states are kept in two
/// files in turn: while one is written over, the journal names the other.
final class Journal implements AutoCloseable {

    /// What the report says of the pruning.
    ///
    /// @param activations where the activation store lay
    record Outcome(
            List<BlockReport> blocks,
            List<String> notes,
            long tokens,
            String activations,
            String engine) {

        private static final Outcome NONE = new Outcome(List.of(), List.of(), 0, "none", "none");
    }

    /// The journal as it lies on the disk.
    ///
    /// @param recipe with the model's digest if that was known
    /// @param machine the instruction set that computes
    /// @param blocks of the model
    /// @param survey what the allocation goes by, empty where it goes by nothing or that is not known yet
    /// @param written names of tensors
    /// @param finished whether nothing is left to be computed; the masks may be gone then
    /// @param phases seconds by phase so far
    record Entry(
            RecipeDocument recipe,
            String machine,
            List<FileState> model,
            int blocks,
            List<BlockScores> survey,
            List<String> written,
            Outcome outcome,
            boolean finished,
            Map<String, Double> phases,
            double seconds) {}

    private final OutputDirectory directory;
    private final CheckpointWriter writer;
    private final MaskFiles masks;
    private final Entry start;
    private final BackgroundTask<String> sha256;
    private final Phases phases;
    private final List<BlockReport> done;
    private final List<String> notes;
    private List<BlockScores> survey;
    private Outcome outcome;
    private boolean finished;
    private final Duration interval;
    private final List<String> unwritten = new ArrayList<>();
    private long lastWritten = System.nanoTime();
    private int writtenBlocks;

    private Journal(
            OutputDirectory directory,
            CheckpointWriter writer,
            Entry start,
            Entry left,
            BackgroundTask<String> sha256,
            Phases phases,
            Duration interval) {
        this.directory = directory;
        this.interval = interval;
        this.writer = writer;
        this.masks = new MaskFiles(writer);
        this.start = start;
        this.sha256 = sha256;
        this.phases = phases;
        this.done = new ArrayList<>(left.outcome().blocks());
        this.writtenBlocks = done.size();
        this.notes = new ArrayList<>(left.outcome().notes());
        this.survey = left.survey();
        this.outcome = left.outcome();
        this.finished = left.finished();
        phases.add(left.phases(), left.seconds());
    }

    /// Opens the journal in `directory`, or begins one where there is none.
    ///
    /// @param directory is closed with the journal
    /// @param recipe of this run
    /// @param machine what computes
    /// @param blocks of the model
    /// @param interval shortest time between two states that are written
    /// @throws InvalidInputException when the journal is that of another recipe, model, version or machine
    static Journal open(
            Checkpoint source,
            OutputDirectory directory,
            RecipeDocument recipe,
            String machine,
            int blocks,
            Phases phases,
            Duration interval) {
        var start =
                new Entry(
                        recipe,
                        machine,
                        source.files(),
                        blocks,
                        List.of(),
                        List.of(),
                        Outcome.NONE,
                        false,
                        Map.of(),
                        0);
        try {
            directory
                    .journal()
                    .ifPresent(file -> checkSame(file, start, source, directory.target()));
            Optional<Entry> left = directory.journal().map(file -> Json.read(file, Entry.class));
            BackgroundTask<String> sha256 =
                    left.flatMap(entry -> entry.recipe().modelSha256())
                            .map(BackgroundTask::of)
                            .orElseGet(() -> BackgroundTask.start("wanda-digest", source::sha256));
            List<String> written = left.map(Entry::written).orElse(List.of());
            var writer = CheckpointWriter.resume(source, directory, written);
            return new Journal(
                    directory, writer, start, left.orElse(start), sha256, phases, interval);
        } catch (RuntimeException | Error e) {
            directory.close();
            throw e;
        }
    }

    /// How far the run of the journal `file` has come, for people.
    static String describe(Path file) {
        JsonNode left = Json.read(file);
        return "%d of %s blocks are done"
                .formatted(left.path("outcome").path("blocks").size(), left.path("blocks"));
    }

    /// Compares the journal `file` with this run, field by field: another version may have written it.
    private static void checkSame(Path file, Entry run, Checkpoint source, Path output) {
        JsonNode then = Json.read(file);
        JsonNode now = Differences.tree(run);
        List<String> differences = new ArrayList<>(differences(then.path("recipe"), run.recipe()));
        if (!then.path("machine").equals(now.path("machine"))) {
            differences.add(
                    "the CPU was %s, is %s".formatted(then.path("machine"), now.path("machine")));
        }
        if (!then.path("model").equals(now.path("model"))
                && !isModel(source, then.path("recipe"))) {
            differences.add(
                    "the model was %s, is %s".formatted(then.path("model"), now.path("model")));
        }
        if (!differences.isEmpty()) {
            throw new InvalidInputException(
                    "%s: the run that was interrupted was another one, so it cannot be gone on with: %s; repeat its command, or start afresh with --force and without --resume"
                            .formatted(output, String.join(", ", differences)));
        }
    }

    /// In which fields `recipe`, as a run wrote it, differs from this run's, apart from the model's digest.
    static List<String> differences(JsonNode recipe, RecipeDocument now) {
        JsonNode same = Differences.tree(now.withModel(Optional.empty()));
        JsonNode then =
                recipe instanceof ObjectNode fields
                        ? fields.deepCopy().putNull("modelSha256")
                        : recipe;
        return Differences.between(then, same);
    }

    /// Whether `recipe`, as a run wrote it, is for the model `source`. Reads all of it, if the recipe says.
    static boolean isModel(Checkpoint source, JsonNode recipe) {
        JsonNode sha256 = recipe.path("modelSha256");
        return sha256.isString() && sha256.asString().equals(source.sha256());
    }

    CheckpointWriter writer() {
        return writer;
    }

    /// How many blocks are done, from the front.
    int done() {
        return done.size();
    }

    /// Those of the model's `blocks` that are not done.
    List<Block> left(List<Block> blocks) {
        return blocks.subList(done.size(), blocks.size());
    }

    boolean isComplete() {
        return done.size() == start.blocks();
    }

    /// Scores of the dense model, for the allocation; computed once.
    List<BlockScores> survey(Supplier<List<BlockScores>> work) {
        if (survey.isEmpty()) {
            survey = work.get();
            if (!survey.isEmpty()) {
                write(List.of());
            }
        }
        return survey;
    }

    /// Begins with the blocks that are not done: brings the hidden states to where they were behind the last one that is.
    ///
    /// @param run what is known of this run; its blocks and notes do not count
    /// @param maskBytes what the masks of the other blocks will take
    void begin(Outcome run, long maskBytes, KeptStates states) {
        outcome = run;
        done.forEach(masks::require);
        long stateBytes = 2 * states.bytes();
        long kept = writer.kept(states(0)) + writer.kept(states(1));
        writer.requireSpace(maskBytes + Math.max(0, stateBytes - kept));
        if (!done.isEmpty() && states.bytes() > 0) {
            states.restore(writer, states(done.size()));
        }
    }

    /// Has a block pruned. When that fails, its memory is no longer read afterwards; where the same would only happen again,
    /// nothing is left to be resumed.
    void guard(Runnable block) {
        try {
            block.run();
        } catch (RuntimeException | Error e) {
            writer.abandon();
            if (e instanceof InvalidInputException && !(e.getCause() instanceof IOException)) {
                directory.discard();
            }
            throw e;
        }
    }

    /// The next block is done. Afterwards its memory may go and the states may change. Where the last states were written less than
    /// the interval ago, these are not, and a resumed run does the block again.
    ///
    /// @param pruned masks of its linears, in the order of the report
    /// @param states behind it; none where nothing will read them
    void add(BlockReport block, Map<MatrixView, Mask> pruned, KeptStates states) {
        done.add(block);
        phases.time(
                "waitWrite",
                () -> {
                    unwritten.add(masks.keep(block, pruned.values()));
                    boolean due = states.bytes() == 0 || isDue();
                    if (due && states.bytes() > 0) {
                        unwritten.add(states(done.size()));
                        states.keep(writer, unwritten.getLast());
                    }
                    writer.settle();
                    if (due) {
                        write(List.copyOf(unwritten));
                        unwritten.clear();
                        lastWritten = System.nanoTime();
                        writtenBlocks = done.size();
                    }
                });
    }

    /// Never two times into the same file: the last states stay until the journal names the next.
    private boolean isDue() {
        return !states(done.size()).equals(states(writtenBlocks))
                && System.nanoTime() - lastWritten >= interval.toNanos();
    }

    /// Does what follows the last block, unless an interrupted run has. Nothing is left to be computed afterwards.
    ///
    /// @param work is given the masks; a run that resumes from the middle of it does it again
    void finish(List<Block> blocks, Consumer<PrunedMasks> work) {
        if (!finished) {
            work.accept(index -> masks.read(blocks.get(index), done.get(index)));
            finished = true;
            write(List.of());
        }
    }

    /// Adds a remark to the report.
    void note(String sentence) {
        notes.add(sentence);
    }

    Outcome outcome() {
        return new Outcome(
                List.copyOf(done),
                List.copyOf(notes),
                outcome.tokens(),
                outcome.activations(),
                outcome.engine());
    }

    /// The recipe of this run with the model's digest.
    RecipeDocument recipe() {
        return start.recipe().withModel(Optional.of(sha256.await()));
    }

    private static String states(int blocks) {
        return "states-" + blocks % 2;
    }

    private void write(List<String> kept) {
        Entry now =
                new Entry(
                        start.recipe().withModel(sha256.ifDone()),
                        start.machine(),
                        start.model(),
                        start.blocks(),
                        survey,
                        writer.written(),
                        outcome(),
                        finished,
                        phases.seconds(),
                        phases.elapsed());
        writer.writeJournal(Json.write(now), kept);
    }

    @Override
    public void close() {
        writer.close();
    }
}
