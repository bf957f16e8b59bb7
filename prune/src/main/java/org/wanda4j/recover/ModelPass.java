package org.wanda4j.recover;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.model.Architecture;
import org.wanda4j.recover.Recovery.Objective;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.DifferentiableBlock;
import org.wanda4j.torch.DifferentiableBlock.Kept;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.GradientSum;
import org.wanda4j.torch.HiddenStateLoss;
import org.wanda4j.torch.TorchEmbedding;
import org.wanda4j.torch.TrainingHead;
import org.wanda4j.torch.TrainingHead.Target;

/// Takes windows through a whole model, and gradients back:
///
/// ```
/// for each block:             states(b + 1) = block(states(b)), the teacher's likewise
/// for some tokens at a time:  loss, gradient of states(last)
/// for each block, backwards:  gradient of its weights and of states(b)
/// ```
///
/// All that blocks compute is kept for the way back where there is memory for it. Else only their inputs are, and each block is
/// computed once more on the way back, to the same bits. A batch is one task, and gradients are added in their order. On the host it
/// is a window, whatever the number of threads; on a device, all windows of the pass.
final class ModelPass implements AutoCloseable {

    /// Part of a card's memory that may be kept of what blocks compute.
    private static final int CARD_SHARE = 3;

    private final Engine engine;
    private final Student student;
    private final Objective objective;
    private final int windows;
    private final int windowsPerBatch;
    private final int length;
    private final Arena memory = Arena.ofShared();
    private final TorchEmbedding embedding;
    private final Optional<TeacherPass> teacher;

    /// States before each block and behind the last, windows x length x hidden for each.
    private final ActivationStore states;

    private final ActivationStore gradients;

    /// Whether a step keeps all that blocks compute.
    private final boolean keeps;

    /// @param windows most of a pass
    /// @param length tokens of each
    /// @param scratch for states, those that gradients need included
    ModelPass(
            Engine engine,
            Student student,
            Optional<Teacher> teacher,
            Objective objective,
            int windows,
            int length,
            ScratchSpace scratch) {
        this.engine = engine;
        this.student = student;
        this.objective = objective;
        this.windows = windows;
        this.windowsPerBatch = TeacherPass.windowsPerBatch(windows, engine.device());
        this.length = length;
        this.keeps = keeps(keptBytes(student.architecture(), windows, length), scratch);
        this.embedding = student.embedding(memory);
        this.states = store(blocks() + 1, scratch);
        this.gradients = store(1, scratch);
        this.teacher =
                teacher.map(it ->
                        new TeacherPass(
                                it, hiddenWeight() > 0, windows, length, scratch, engine.device()));
    }

    private ActivationStore store(int places, ScratchSpace scratch) {
        return TeacherPass.store(
                student.architecture(),
                places,
                windows,
                length,
                ComputeType.FP32,
                scratch,
                engine.device());
    }

    private boolean keeps(long bytes, ScratchSpace scratch) {
        return engine.device()
                .memory()
                .map(all -> bytes <= all / CARD_SHARE)
                .orElseGet(() -> scratch.holds(bytes));
    }

    /// Bytes that a step keeps where it keeps all that blocks compute.
    static long keptBytes(Architecture architecture, int windows, int length) {
        return windows
                * architecture.blocks().stream()
                        .mapToLong(block ->
                                DifferentiableBlock.keptBytes(block, architecture.hidden(), length))
                        .sum();
    }

    private double hiddenWeight() {
        return switch (objective) {
            case Objective.Logits(double _, double weight) -> weight;
            case Objective.Text _ -> 0;
        };
    }

    private int blocks() {
        return student.architecture().blocks().size();
    }

    /// A block of the student in use, with what was kept of each window.
    private final class OpenBlock implements AutoCloseable {

        private final Arena scratch = Arena.ofShared();
        private final DifferentiableBlock block;
        private final Kept[] kept = new Kept[windows / windowsPerBatch];

        OpenBlock(int index) {
            this.block = student.block(index, scratch);
        }

        @Override
        public void close() {
            Arrays.stream(kept).filter(Objects::nonNull).forEach(Kept::close);
            block.close();
            scratch.close();
        }
    }

    /// The mean loss of the tokens of `ids`; its gradients replace those of the student's variables.
    ///
    /// @param ids at most the windows of a pass; on a device, as many
    double gradient(List<int[]> ids) {
        Deque<OpenBlock> opened = new ArrayDeque<>();
        try {
            embed(ids);
            for (int index = 0; index < blocks(); index++) {
                if (keeps) {
                    opened.push(new OpenBlock(index));
                    keep(index, batches(ids), opened.peek());
                } else {
                    forward(index, batches(ids));
                }
            }
            double loss = headGradient(ids);
            for (int index = blocks() - 1; index >= 0; index--) {
                try (OpenBlock open = keeps ? opened.pop() : new OpenBlock(index)) {
                    loss += hidden(index, ids, true);
                    backward(index, batches(ids), open);
                }
            }
            return loss;
        } finally {
            opened.forEach(OpenBlock::close);
        }
    }

    /// The mean loss of the tokens of some windows.
    double loss(Windows heldOut) {
        double sum = 0;
        for (int from = 0; from < heldOut.count(); from += windows) {
            List<int[]> ids =
                    heldOut.ids().subList(from, Math.min(from + windows, heldOut.count()));
            embed(ids);
            double loss = 0;
            for (int index = 0; index < blocks(); index++) {
                forward(index, batches(ids));
                loss += hidden(index, ids, false);
            }
            sum += ids.size() * (loss + head(ids));
        }
        return sum / heldOut.count();
    }

    private void embed(List<int[]> ids) {
        run(
                batches(ids),
                i -> embedding.embed(batch(ids, i), states(0, i)),
                teacher.map(it -> i -> it.embed(batch(ids, i), i)));
    }

    private int batches(List<int[]> ids) {
        return Math.ceilDiv(ids.size(), windowsPerBatch);
    }

    private List<int[]> batch(List<int[]> ids, int index) {
        int from = index * windowsPerBatch;
        return ids.subList(from, from + windowsPerBatch);
    }

    /// Takes batches through block `index` of both models.
    private void forward(int index, int count) {
        try (OpenBlock open = new OpenBlock(index)) {
            both(index, count, i -> open.block.forward(states(index, i), states(index + 1, i)));
        }
    }

    /// The same, with all kept that gradients need.
    private void keep(int index, int count, OpenBlock open) {
        both(
                index,
                count,
                i -> open.kept[i] = open.block.keep(states(index, i), states(index + 1, i)));
    }

    /// Takes batches through the teacher's block `index`, where there is one, and runs `forward` for each.
    private void both(int index, int count, IntConsumer forward) {
        if (teacher.isEmpty()) {
            run(count, forward, Optional.empty());
            return;
        }
        TeacherPass pass = teacher.get();
        pass.with(
                index,
                dense -> run(count, forward, Optional.of(i -> pass.forward(dense, index, i))));
    }

    /// Runs tasks for each batch.
    private void run(int count, IntConsumer first, Optional<IntConsumer> second) {
        if (second.isEmpty()) {
            engine.forEach(count, first);
        } else {
            engine.forEach(2 * count, i -> (i < count ? first : second.get()).accept(i % count));
        }
    }

    private double head(List<int[]> ids) {
        double[] losses = new double[batches(ids)];
        try (Arena scratch = Arena.ofShared();
                TrainingHead head = student.head(scratch)) {
            engine.forEach(
                    losses.length, i -> losses[i] = head.loss(target(ids, i), states(blocks(), i)));
        }
        return Arrays.stream(losses).sum() / tokens(ids);
    }

    /// Sets the gradients of the states behind the last block.
    private double headGradient(List<int[]> ids) {
        double[] losses = new double[batches(ids)];
        double scale = 1.0 / tokens(ids);
        try (Arena scratch = Arena.ofShared();
                TrainingHead head = student.head(scratch)) {
            var sum = new GradientSum();
            engine.forEach(
                    losses.length,
                    i ->
                            losses[i] =
                                    head.loss(
                                            target(ids, i),
                                            i,
                                            states(blocks(), i),
                                            scale,
                                            gradients.batch(i),
                                            sum),
                    sum::abandon);
        }
        return Arrays.stream(losses).sum() * scale;
    }

    private Target target(List<int[]> ids, int batch) {
        return switch (objective) {
            case Objective.Logits(double temperature, double _) ->
                    teacher.orElseThrow().target(batch, temperature);
            case Objective.Text _ -> new Target.Next(batch(ids, batch));
        };
    }

    /// How many tokens have a loss.
    private long tokens(List<int[]> ids) {
        return switch (objective) {
            case Objective.Logits _ -> (long) ids.size() * length;
            case Objective.Text _ -> ids.size() * (length - 1L);
        };
    }

    /// What the hidden states behind block `index` add to the loss.
    ///
    /// @param back whether its gradient is added to that of the states
    private double hidden(int index, List<int[]> ids, boolean back) {
        if (hiddenWeight() == 0) {
            return 0;
        }
        double scale = hiddenWeight() / ((double) ids.size() * length * blocks());
        double[] losses = new double[batches(ids)];
        engine.forEach(
                losses.length,
                i ->
                        losses[i] =
                                HiddenStateLoss.of(
                                        states(index + 1, i),
                                        teacher.orElseThrow().states(index + 1, i),
                                        scale,
                                        back ? Optional.of(gradients.batch(i)) : Optional.empty()));
        return Arrays.stream(losses).sum() * scale;
    }

    private void backward(int index, int count, OpenBlock open) {
        var sum = new GradientSum();
        engine.forEach(
                count,
                i -> {
                    if (keeps) {
                        open.block.backward(i, open.kept[i], gradients.batch(i), sum);
                        open.kept[i].close();
                        open.kept[i] = null;
                    } else {
                        open.block.backward(i, states(index, i), gradients.batch(i), sum);
                    }
                },
                sum::abandon);
    }

    /// A batch before block `block`, or behind the last.
    private Batch states(int block, int batch) {
        return states.batch(block * (windows / windowsPerBatch) + batch);
    }

    @Override
    public void close() {
        teacher.ifPresent(TeacherPass::close);
        embedding.close();
        states.close();
        gradients.close();
        memory.close();
    }
}
