package org.wanda4j.recover;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.recover.Recovery.Length;
import org.wanda4j.report.Phases;
import org.wanda4j.report.RecoverReport.HeldOut;
import org.wanda4j.torch.MirroredTensor;
import org.wanda4j.torch.Optimiser;
import org.wanda4j.torch.Variable;

/// The steps of a recovery:
///
/// ```
/// for each step:      gradient of the next windows, a step of the optimiser
/// some times:         loss of the held-out windows; the best values are kept
/// once in a while:    all of it is written, so that it can be resumed
/// ```
///
/// How many steps there are is fixed behind the first [Schedule#WARM_UP], by what these took.
final class Training {

    /// How often the held-out loss is measured, besides at the start.
    private static final int EVALUATIONS = 5;

    /// Part of the time that is left for writing.
    private static final double SPARE = 0.03;

    /// Most of the time that keeping may take.
    private static final double KEEPING = 0.02;

    private final Recovery recovery;
    private final TrainingText text;
    private final ModelPass pass;
    private final Optimiser optimiser;
    private final Student student;
    private final RecoveryJournal journal;
    private final Phases phases;
    private final Progress progress;
    private final double behind;
    private final Duration interval;
    private final List<MirroredTensor> state;
    private final List<Double> losses = new ArrayList<>();
    private final List<HeldOut> heldOut = new ArrayList<>();
    private Optional<Integer> steps;
    private long lastKept;
    private double keeping;
    private double evaluating;

    /// @param behind seconds that the minutes of a run have to leave for what comes behind it
    /// @param interval shortest time between two states that are written
    Training(
            Recovery recovery,
            TrainingText text,
            ModelPass pass,
            Optimiser optimiser,
            Student student,
            RecoveryJournal journal,
            Phases phases,
            Progress progress,
            double behind,
            Duration interval) {
        this.recovery = recovery;
        this.text = text;
        this.pass = pass;
        this.optimiser = optimiser;
        this.student = student;
        this.journal = journal;
        this.phases = phases;
        this.progress = progress;
        this.behind = behind;
        this.interval = interval;
        this.steps = journal.steps().or(this::stepsOfTokens);
        this.state = new ArrayList<>();
        student.variables().stream().map(Variable::value).forEach(state::add);
        state.addAll(optimiser.state());
    }

    /// Tokens of a step.
    long tokensPerStep() {
        return (long) Recovery.WINDOWS_PER_STEP * recovery.seqlen().orElseThrow();
    }

    private Optional<Integer> stepsOfTokens() {
        return recovery.length() instanceof Length.Tokens(long tokens)
                ? Optional.of(Math.toIntExact(Math.ceilDiv(tokens, tokensPerStep())))
                : Optional.empty();
    }

    /// Trains from where the journal is to the end; the student has the best values then.
    void run() {
        int done = journal.progress().steps();
        if (journal.resumed()) {
            resume(done);
        } else {
            evaluate(0);
        }
        lastKept = System.nanoTime();
        if (steps.isEmpty()) {
            done = warmUp();
        }
        int count = steps.orElseThrow();
        progress.start("recovering", (count - done) * tokensPerStep());
        for (int step = done; step < count; step++) {
            step(step);
            if (evaluates(step, count)) {
                evaluate(step + 1);
            }
            if (step + 1 == count || mayKeep()) {
                keep();
            }
        }
        student.restoreBest();
    }

    private void resume(int done) {
        journal.restore(memory(), student.best());
        state.forEach(MirroredTensor::upload);
        losses.addAll(journal.progress().losses());
        heldOut.addAll(journal.progress().heldOut());
        for (int step = 0; step < done; step++) {
            text.next(Recovery.WINDOWS_PER_STEP);
        }
    }

    /// The first steps, behind which their number is fixed by their speed; the first of them is not counted, as it has code
    /// compiled.
    ///
    /// @return how many
    private int warmUp() {
        progress.start("warming up", Schedule.WARM_UP * tokensPerStep());
        step(0);
        long start = System.nanoTime();
        for (int step = 1; step < Schedule.WARM_UP; step++) {
            step(step);
        }
        double seconds = (System.nanoTime() - start) / 1e9 / (Schedule.WARM_UP - 1);
        double minutes = recovery.minutes().orElseThrow();
        double left =
                minutes * 60 * (1 - SPARE - KEEPING)
                        - phases.elapsed()
                        - EVALUATIONS * evaluating
                        - behind;
        steps = Optional.of(Schedule.WARM_UP + Math.max(1, (int) (left / seconds)));
        keep();
        return Schedule.WARM_UP;
    }

    private void step(int step) {
        List<int[]> windows = text.next(Recovery.WINDOWS_PER_STEP);
        double loss = phases.time("gradients", () -> pass.gradient(windows));
        // The first steps are the same whether their number is known from the start or not.
        double peak =
                recovery.rate(
                        heldOut.getFirst().loss(),
                        step < Schedule.WARM_UP ? Optional.empty() : steps);
        double rate = new Schedule(peak, steps.orElse(Schedule.WARM_UP)).rate(step);
        double norm = phases.time("optimiser", () -> optimiser.step(step, rate));
        if (!Double.isFinite(loss) || !Double.isFinite(norm)) {
            throw new InvalidInputException(
                    "step %d: the loss is not finite any more; use a smaller --lr than %s"
                            .formatted(step + 1, peak));
        }
        losses.add(loss);
        progress.advance(
                tokensPerStep(),
                "step %d%s, loss %.4f, held out %.4f"
                        .formatted(
                                step + 1,
                                steps.map(count -> "/" + count).orElse(""),
                                loss,
                                heldOut.getLast().loss()));
    }

    /// Whether the held-out loss is measured behind `step`.
    private static boolean evaluates(int step, int count) {
        return step + 1 == count
                || (step >= Schedule.WARM_UP
                        && (step + 1L) * EVALUATIONS / count > (long) step * EVALUATIONS / count);
    }

    /// Measures the held-out loss; the values are kept where it is the lowest.
    private void evaluate(int done) {
        long start = System.nanoTime();
        double loss = phases.time("held out", () -> pass.loss(text.heldOut()));
        evaluating = (System.nanoTime() - start) / 1e9;
        if (heldOut.stream().allMatch(it -> loss < it.loss())) {
            student.keepAsBest();
        }
        heldOut.add(new HeldOut(done, loss));
    }

    /// What the journal keeps besides the best values, on the host.
    private List<MemorySegment> memory() {
        return state.stream().map(MirroredTensor::data).toList();
    }

    private boolean mayKeep() {
        double since = (System.nanoTime() - lastKept) / 1e9;
        return since >= Math.max(interval.toMillis() / 1e3, keeping / KEEPING);
    }

    private void keep() {
        long start = System.nanoTime();
        state.forEach(MirroredTensor::download);
        journal.keep(
                new RecoveryJournal.Progress(
                        losses.size(), List.copyOf(losses), List.copyOf(heldOut)),
                steps.orElseThrow(),
                memory(),
                student.best());
        lastKept = System.nanoTime();
        keeping = (lastKept - start) / 1e9;
    }
}
