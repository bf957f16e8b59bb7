package org.wanda4j.torch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.torch.KernelTimes.Kernel;
import org.wanda4j.torch.Weights.LoadedLinear;
import org.wanda4j.torch.Weights.LoadedNorm;

/// One decoder block in libtorch, run step by step so that the input of each stage can be measured, and its linears
/// replaced, before they are computed. It does what the [Block] says, whatever the family.
public final class TorchBlock implements AutoCloseable {

    /// Queries whose scores are computed together, of each head and window.
    public static final int QUERIES_AT_ONCE = TorchAttention.SLICE;

    private final Block block;
    private final List<Step> steps;
    private final Weights weights;
    private final Map<String, LoadedLinear> linears = new HashMap<>();
    private final List<TorchBranch> branches = new ArrayList<>();

    /// A branch with its weights.
    private record TorchBranch(
            Branch branch,
            TorchMixer mixer,
            Optional<LoadedNorm> before,
            Optional<LoadedNorm> after,
            Optional<LoadedNorm> behind) {

        /// What the mixer reads: tokens x hidden.
        Tensor entered(Tensor hidden) {
            return before.map(norm -> norm.apply(hidden)).orElse(hidden);
        }

        /// Whether what the mixer gives is added as it is.
        boolean isPlain() {
            return after.isEmpty() && branch.multiplier() == 1 && mixer.last().isPresent();
        }

        /// What is added to the hidden state, given what the mixer gives.
        Tensor added(Tensor given) {
            Tensor normed = after.map(norm -> norm.apply(given)).orElse(given);
            return branch.multiplier() == 1 ? normed : normed.mul(new Scalar(branch.multiplier()));
        }
    }

    /// @param source from a matrix or vector of the checkpoint to its memory, which must outlive this block
    /// @param length tokens of every window that will be run
    public TorchBlock(
            Block block, Function<MatrixView, TensorView> source, ComputeType type, int length) {
        this(block, source, type, length, true);
    }

    /// @param convertsAhead whether matrices of another type than `type` are converted now, and have a copy as long as this
    ///     block; else one after the other, each time that it is used
    public TorchBlock(
            Block block,
            Function<MatrixView, TensorView> source,
            ComputeType type,
            int length,
            boolean convertsAhead) {
        this(block, new Weights(source, type, convertsAhead), length);
    }

    /// A block whose weights lie on a device.
    public TorchBlock(
            Block block,
            Function<MatrixView, TensorView> source,
            ComputeType type,
            int length,
            Device device) {
        this(block, new Weights(source, type, device), length);
    }

    TorchBlock(Block block, Weights weights, int length) {
        this.block = block;
        this.steps = block.steps();
        this.weights = weights;
        try (var _ = new AutoGradMode(false)) {
            block.linears().forEach(linear -> linears.put(linear.name(), weights.linear(linear)));
            for (Branch branch : block.branches()) {
                branches.add(
                        new TorchBranch(
                                branch,
                                TorchMixer.of(branch.mixer(), linears, weights, length),
                                branch.before().map(weights::norm),
                                branch.after().map(weights::norm),
                                branch.behind().map(weights::norm)));
            }
        } catch (RuntimeException | Error e) {
            weights.close();
            throw e;
        }
    }

    /// The steps of the block.
    public List<Step> steps() {
        return steps;
    }

    /// Values for each token that a [Batch] must hold between two steps of any block.
    public static int stageWidth(Architecture architecture) {
        return architecture.blocks().stream()
                .mapToInt(block -> stageWidth(block, architecture.hidden()))
                .max()
                .orElse(1);
    }

    /// Values for each token that a [Batch] must hold between two steps of a block.
    ///
    /// @param hidden size of the hidden state
    public static int stageWidth(Block block, int hidden) {
        int widest =
                block.branches().stream()
                        .mapToInt(branch -> Math.max(hidden, branch.mixer().width()))
                        .max()
                        .orElseThrow();
        return widest + (block.parallel() ? hidden : 0);
    }

    /// Operations of a block's heads for one window of `length` tokens, besides those of its linears.
    public static double attentionOperations(Block block, int length) {
        return block.attentions().mapToDouble(it -> TorchAttention.operations(it, length)).sum();
    }

    /// Gives a linear another matrix, in memory that outlives this block.
    public void replace(Linear linear, TensorView weight) {
        LoadedLinear old = linears.get(linear.name());
        linears.put(linear.name(), old.with(weights.matrix(weight)));
        if (linears.values().stream().noneMatch(it -> it.weight().equals(old.weight()))) {
            weights.drop(old.weight());
        }
    }

    /// Brings a batch that is ready for the step before, or at the block's beginning, to where it is ready for `step`, in
    /// place: its linears can read their inputs.
    public void advanceTo(Step step, Batch batch) {
        try (var _ = new PointerScope()) {
            TorchBranch branch = branches.get(step.branch());
            if (step.index() == 0) {
                if (step.branch() > 0) {
                    close(step.branch() - 1, batch);
                }
                branch.before()
                        .ifPresent(norm ->
                                batch.between(batch.hidden().size(1))
                                        .copy_(norm.apply(batch.hidden())));
            } else {
                branch.mixer().advance(entered(branch, batch), batch, between(branch, batch));
            }
        }
    }

    /// Brings a batch that is ready for the last step to the block's end.
    public void finish(Batch batch) {
        try (var _ = new PointerScope()) {
            close(branches.size() - 1, batch);
        }
    }

    /// The whole block.
    public void forward(Batch batch) {
        for (Step step : steps) {
            advanceTo(step, batch);
        }
        finish(batch);
    }

    /// The whole block without writing over anything, so that gradients can flow back through it.
    ///
    /// @param input tokens x hidden size
    Tensor differentiable(Tensor input, int windows, int length) {
        return differentiableStates(input, windows, length).getLast();
    }

    /// The same with the hidden states behind each of the branches, [Block#states()] in all.
    List<Tensor> differentiableStates(Tensor input, int windows, int length) {
        List<Tensor> states = new ArrayList<>();
        Tensor hidden = input;
        for (TorchBranch branch : branches) {
            Tensor read = branch.entered(block.parallel() ? input : hidden);
            Tensor given = branch.mixer().differentiable(read, windows, length);
            Tensor sum = hidden.add(branch.added(given));
            hidden = branch.behind().map(norm -> norm.apply(sum)).orElse(sum);
            states.add(hidden);
        }
        return states.subList(states.size() - block.states(), states.size());
    }

    /// The weights, biases and norms that `chosen` takes.
    SequencedMap<MatrixView, Tensor> parameters(Predicate<MatrixView> chosen) {
        SequencedMap<MatrixView, Tensor> parameters = new LinkedHashMap<>(weights.loaded());
        parameters.keySet().removeIf(chosen.negate());
        return parameters;
    }

    /// What a stage reads of a batch.
    ///
    /// @param squares for each window and channel the sum over its tokens of the squared input, window after window; a device is
    ///     waited for when they are read, once
    /// @param tokens how many tokens of each window there were
    public record Measured(Supplier<float[]> squares, long[] tokens) {

        private static Measured of(Tensor sums, long[] tokens) {
            if (sums.is_cpu()) {
                float[] values = Tensors.floats(sums);
                return new Measured(() -> values, tokens);
            }
            Tensor kept = Tensors.kept(sums.to(ScalarType.Float));
            return new Measured(
                    () -> {
                        try (var _ = new PointerScope()) {
                            return Tensors.floats(kept);
                        } finally {
                            kept.releaseReference();
                        }
                    },
                    tokens);
        }
    }

    /// Where what stages read is summed up.
    public interface Sums {

        /// Receives the products of a stage's channels, where they are needed.
        Optional<GramSum> products(Stage stage);

        /// Takes what a stage reads of the batch.
        void add(Stage stage, Measured measured);
    }

    /// Sums up what stages read of a batch that is ready for their step; in double.
    ///
    /// @param stages of one step
    /// @param index of the batch
    /// @param everything whether every token counts for an expert, those too that are not routed to it
    public void measure(List<Stage> stages, Batch batch, int index, boolean everything, Sums sums) {
        try (var _ = new PointerScope()) {
            IntFunction<StageInput> inputs = inputs(stages.getFirst(), batch, everything);
            for (Stage stage : stages) {
                try (var _ = new PointerScope()) {
                    StageInput input = inputs.apply(stage.part());
                    Measured measured =
                            times().time(
                                            Kernel.STATISTICS,
                                            () -> {
                                                sums.products(stage)
                                                        .ifPresent(
                                                                it -> it.add(index, input.rows()));
                                                return measured(input, batch);
                                            });
                    sums.add(stage, measured);
                }
            }
        }
    }

    private static Measured measured(StageInput input, Batch batch) {
        Tensor squares = input.rows().to(ScalarType.Double).square_();
        if (input.tokens().isEmpty()) {
            long[] tokens = new long[batch.windows()];
            Arrays.fill(tokens, batch.length());
            return Measured.of(squares.view(batch.windows(), batch.length(), -1).sum(1), tokens);
        }
        long[] rows = Tensors.longs(input.tokens().get());
        long[] counts = new long[batch.windows()];
        for (long row : rows) {
            counts[(int) (row / batch.length())]++;
        }
        Tensor sums = torch.zeros(new long[] {batch.windows(), squares.size(1)}, squares.options());
        long at = 0;
        for (int window = 0; window < counts.length; window++) {
            sums.narrow(0, window, 1)
                    .copy_(squares.narrow(0, at, counts[window]).sum(0).view(1, -1));
            at += counts[window];
        }
        return Measured.of(sums, counts);
    }

    /// Where the time went since this block was made.
    public KernelTimes times() {
        return weights.times();
    }

    /// From a stage's number in its step to what it reads.
    ///
    /// @param any of the step's stages
    private IntFunction<StageInput> inputs(Stage any, Batch batch, boolean everything) {
        TorchBranch branch = branches.get(any.branch());
        return branch.mixer()
                .inputs(
                        any.step(),
                        () ->
                                any.step() == 0
                                        ? entered(branch, batch)
                                        : branch.entered(batch.hidden()),
                        between(branch, batch),
                        everything);
    }

    /// What the first step of a branch reads, once the batch is ready for it.
    private static Tensor entered(TorchBranch branch, Batch batch) {
        return branch.before().isPresent() ? batch.between(batch.hidden().size(1)) : batch.hidden();
    }

    private static Tensor between(TorchBranch branch, Batch batch) {
        return batch.between(branch.branch().mixer().width());
    }

    /// Ends a residual branch: adds what its last linears make of the batch to the hidden state, or, where another branch is
    /// still to read that, to the sum that waits.
    private void close(int index, Batch batch) {
        TorchBranch branch = branches.get(index);
        boolean isLast = index == branches.size() - 1;
        Tensor between = between(branch, batch);
        if (block.parallel() && !isLast) {
            Tensor added = branch.added(finished(branch, batch));
            Tensor waiting = batch.waiting();
            waiting.copy_(index == 0 ? added : waiting.add(added));
            return;
        }
        if (branch.isPlain()) {
            branch.mixer().last().orElseThrow().addTo(batch.hidden(), between);
        } else {
            batch.hidden().add_(branch.added(finished(branch, batch)));
        }
        if (block.parallel()) {
            batch.hidden().add_(batch.waiting());
        }
        branch.behind().ifPresent(norm -> batch.hidden().copy_(norm.apply(batch.hidden())));
    }

    private static Tensor finished(TorchBranch branch, Batch batch) {
        return branch.mixer().finish(() -> branch.entered(batch.hidden()), between(branch, batch));
    }

    @Override
    public void close() {
        weights.close();
    }
}
