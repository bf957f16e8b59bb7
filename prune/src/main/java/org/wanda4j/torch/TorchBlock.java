package org.wanda4j.torch;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Architecture.Block;
import org.wanda4j.model.Architecture.Linear;
import org.wanda4j.model.Architecture.Mlp;
import org.wanda4j.model.Stage;
import org.wanda4j.torch.KernelTimes.Kernel;
import org.wanda4j.torch.Weights.LoadedLinear;
import org.wanda4j.torch.Weights.LoadedNorm;

/// One decoder block in libtorch, run stage by stage so that each stage's input can be looked at, and its linears
/// replaced, before it is computed. Knows no family: it does what the [Block] says.
public final class TorchBlock implements AutoCloseable {

    private final Block block;
    private final Weights weights;
    private final Map<String, LoadedLinear> linears = new HashMap<>();
    private final LoadedNorm attentionNorm;
    private final LoadedNorm mlpNorm;
    private final TorchAttention attention;

    /// @param source from a tensor's name to its memory, which must outlive this block
    /// @param length tokens of every window that will be run
    public TorchBlock(
            Block block, Function<String, TensorView> source, ComputeType type, int length) {
        this(block, new Weights(source, type), length);
    }

    TorchBlock(Block block, Weights weights, int length) {
        this.block = block;
        this.weights = weights;
        try (var _ = new AutoGradMode(false)) {
            block.linears().forEach(linear -> linears.put(linear.name(), weights.linear(linear)));
            this.attentionNorm = weights.norm(block.attentionNorm());
            this.mlpNorm = weights.norm(block.mlpNorm());
            this.attention =
                    new TorchAttention(
                            block.attention(),
                            linear -> linears.get(linear.name()),
                            weights,
                            length);
        }
    }

    /// The widest that [Batch] must hold between two stages.
    public static int stageWidth(Block block) {
        return block.linears().stream().mapToInt(Linear::inputs).max().orElseThrow();
    }

    /// Operations of a block's heads for one window of `length` tokens, besides those of its linears.
    public static double attentionOperations(Block block, int length) {
        return TorchAttention.operations(block.attention(), length);
    }

    /// The most attention scores that exist at a time for one window of `length` tokens.
    public static long attentionScores(Block block, int length) {
        return TorchAttention.scores(block.attention(), length);
    }

    /// Gives a linear another matrix, in memory that outlives this block.
    public void replace(Linear linear, TensorView weight) {
        linears.compute(linear.name(), (_, old) -> old.with(weights.adopt(weight)));
    }

    /// Brings a batch that is ready for the stage before, or at the block's beginning, to where it is ready for `stage`, in
    /// place: its linears can read their input.
    public void advanceTo(Stage stage, Batch batch) {
        try (var _ = new PointerScope()) {
            switch (stage) {
                case QKV -> enter(attentionNorm, batch);
                case OUTPUT ->
                        attention.attend(
                                input(Stage.QKV, batch),
                                batch.windows(),
                                batch.length(),
                                batch.tree(),
                                input(Stage.OUTPUT, batch));
                case GATE_UP -> {
                    close(block.attention().output(), attentionNorm, batch);
                    enter(mlpNorm, batch);
                }
                case DOWN -> activate(batch);
            }
        }
    }

    /// Brings a batch that is ready for [Stage#DOWN] to the block's end.
    public void finish(Batch batch) {
        try (var _ = new PointerScope()) {
            close(block.mlp().down(), mlpNorm, batch);
        }
    }

    /// The whole block.
    public void forward(Batch batch) {
        for (Stage stage : Stage.values()) {
            advanceTo(stage, batch);
        }
        finish(batch);
    }

    /// The whole block without writing over anything, so that gradients can flow back through it.
    ///
    /// @param hidden tokens x hidden size
    Tensor differentiable(Tensor hidden, int windows, int length) {
        Linear output = block.attention().output();
        Tensor attended =
                torch.empty(
                        new long[] {hidden.size(0), output.inputs()},
                        new TensorOptions(hidden.scalar_type()),
                        new MemoryFormatOptional());
        attention.attend(
                branchInput(attentionNorm, hidden), windows, length, Optional.empty(), attended);
        Tensor middle = closed(output, attentionNorm, hidden, attended);
        Tensor active = active(branchInput(mlpNorm, middle));
        return closed(block.mlp().down(), mlpNorm, middle, active);
    }

    /// The weights, biases and norms whose names `chosen` takes.
    List<Tensor> parameters(Predicate<String> chosen) {
        return weights.loaded().entrySet().stream()
                .filter(entry -> chosen.test(entry.getKey()))
                .map(Map.Entry::getValue)
                .toList();
    }

    private Tensor closed(Linear last, LoadedNorm norm, Tensor hidden, Tensor input) {
        Tensor sum = hidden.add(linears.get(last.name()).apply(input));
        return block.normFirst() ? sum : norm.apply(sum);
    }

    private Tensor active(Tensor input) {
        Mlp mlp = block.mlp();
        Tensor up = linears.get(mlp.up().name()).apply(input);
        return mlp.gate()
                .map(gate -> activated(linears.get(gate.name()).apply(input)).mul(up))
                .orElseGet(() -> activated(up));
    }

    /// How many input channels a stage has.
    public int width(Stage stage) {
        return block.linears(stage).getFirst().inputs();
    }

    /// For each window and input channel of `stage`, the sum over the window's tokens of the squared input, added in
    /// double, for a batch that is ready for that stage: window after window. Adds the products of channels to `products` too.
    ///
    /// @param index of the batch
    public float[] measure(Stage stage, Batch batch, int index, Optional<GramSum> products) {
        try (var _ = new PointerScope()) {
            Tensor input = input(stage, batch);
            return times().time(
                            Kernel.STATISTICS,
                            () -> {
                                products.ifPresent(sum -> sum.add(index, input));
                                return sumsOfSquares(
                                        input.view(batch.windows(), batch.length(), -1));
                            });
        }
    }

    /// @param input windows x length x channels
    private static float[] sumsOfSquares(Tensor input) {
        Tensor exact = input.to(torch.ScalarType.Double);
        Tensor sums = exact.square_().sum(1).to(torch.ScalarType.Float);
        float[] values = new float[Math.toIntExact(sums.numel())];
        sums.contiguous().data_ptr_float().get(values);
        return values;
    }

    /// Where the time went since this block was made.
    public KernelTimes times() {
        return weights.times();
    }

    /// What the linears of `stage` read of a batch that is ready for it: tokens x width.
    private Tensor input(Stage stage, Batch batch) {
        boolean begins = stage == Stage.QKV || stage == Stage.GATE_UP;
        return begins && !block.normFirst() ? batch.hidden() : batch.between(width(stage));
    }

    /// Begins a residual branch.
    private void enter(LoadedNorm norm, Batch batch) {
        if (block.normFirst()) {
            batch.between(norm.norm().width()).copy_(norm.apply(batch.hidden()));
        }
    }

    private Tensor branchInput(LoadedNorm norm, Tensor hidden) {
        return block.normFirst() ? norm.apply(hidden) : hidden;
    }

    /// Ends a residual branch: adds what its last linear makes of the batch to the hidden state.
    private void close(Linear last, LoadedNorm norm, Batch batch) {
        linears.get(last.name()).addTo(batch.hidden(), batch.between(last.inputs()));
        if (!block.normFirst()) {
            batch.hidden().copy_(norm.apply(batch.hidden()));
        }
    }

    private void activate(Batch batch) {
        Mlp mlp = block.mlp();
        Tensor input = input(Stage.GATE_UP, batch);
        Tensor result = input(Stage.DOWN, batch);
        Tensor up = linears.get(mlp.up().name()).apply(input);
        mlp.gate()
                .map(gate -> linears.get(gate.name()).apply(input))
                .ifPresentOrElse(
                        gate -> torch.mul_out(result, activated(gate), up),
                        () -> result.copy_(activated(up)));
    }

    private Tensor activated(Tensor values) {
        return switch (block.mlp().activation()) {
            case Activation.SILU -> torch.silu_(values);
            case Activation.RELU -> torch.relu_(values);
            case Activation.GELU -> torch.gelu_(values, "none");
            case Activation.GELU_TANH -> torch.gelu_(values, "tanh");
        };
    }

    @Override
    public void close() {
        weights.close();
    }
}
