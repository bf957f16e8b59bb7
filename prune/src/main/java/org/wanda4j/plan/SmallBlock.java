package org.wanda4j.plan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;

/// A block like those of a model, with weights at random; narrower where the model's has more than it is worth to wait for.
final class SmallBlock {

    private static final int MULTIPLE = 64;
    private static final double EPSILON = 1e-5;

    private final Block block;
    private final Map<MatrixView, TensorView> tensors = new HashMap<>();

    /// @param most weights to have, about
    /// @param memory of the weights
    SmallBlock(Block like, long most, DType stored, Arena memory) {
        this.block = narrower(like, most);
        var random = new SplittableRandom(1);
        for (Linear linear : block.linears()) {
            put(linear.weight(), stored, memory, random, Math.sqrt(3.0 / linear.inputs()));
            linear.bias().ifPresent(bias -> put(bias, stored, memory, random, 0.01));
        }
        block.norms().flatMap(Norm::views).forEach(view -> put(view, stored, memory, random, 1));
    }

    /// The attention of a block.
    static Attention attention(Block block) {
        return block.attentions().findFirst().orElseThrow();
    }

    /// The MLP of a block, or one of its experts.
    static Mlp mlp(Block block) {
        return block.branches().stream()
                .flatMap(branch ->
                        switch (branch.mixer()) {
                            case Attention _ -> Stream.<Mlp>empty();
                            case Mlp mlp -> Stream.of(mlp);
                            case Experts experts -> experts.experts().stream().limit(1);
                        })
                .findFirst()
                .orElseThrow();
    }

    Block block() {
        return block;
    }

    TensorView tensor(MatrixView view) {
        return tensors.get(view);
    }

    /// Fills `data` with values of `type` between `-scale` and `scale`.
    static void fill(MemorySegment data, DType type, SplittableRandom random, double scale) {
        long count = data.byteSize() / type.bytes();
        for (long i = 0; i < count; i++) {
            float value = (float) (scale * (2 * random.nextDouble() - 1));
            switch (type) {
                case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
                case F16 -> data.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
                default ->
                        data.setAtIndex(
                                ValueLayout.JAVA_SHORT,
                                i,
                                (short) (Float.floatToRawIntBits(value) >>> 16));
            }
        }
    }

    private void put(
            MatrixView view, DType type, Arena memory, SplittableRandom random, double scale) {
        long elements = view.shape().stream().reduce(1L, Math::multiplyExact);
        MemorySegment data = memory.allocate(elements * type.bytes(), MULTIPLE);
        fill(data, type, random, scale);
        tensors.put(view, new TensorView(view.tensor(), type, view.shape(), data));
    }

    /// Attention and an MLP of the block's shape, each linear a tensor of its own; all widths divided by one number where that
    /// is needed, while heads keep their size and share keys and values as before.
    private static Block narrower(Block block, long most) {
        double weights = block.linears().stream().mapToDouble(Linear::weights).sum();
        double factor = Math.max(1, Math.sqrt(weights / most));
        Attention attention = attention(block);
        Mlp mlp = mlp(block);
        int group = attention.heads() / attention.keyValueHeads();
        int shared = (int) Math.max(1, Math.round(attention.keyValueHeads() / factor));
        int hidden = narrower(attention.output().outputs(), factor);
        int inner = narrower(mlp.down().inputs(), factor);
        int queries = shared * group * attention.headSize();
        int keys = shared * attention.headSize();
        return Block.sequential(
                Branch.normFirst(
                        Norm.rms("attention_norm", hidden, EPSILON),
                        new Attention(
                                Linear.of("query", hidden, queries, false),
                                Linear.of("key", hidden, keys, false),
                                Linear.of("value", hidden, keys, false),
                                Linear.of("output", queries, hidden, false),
                                shared * group,
                                shared,
                                attention.headSize(),
                                attention.scale(),
                                attention.cap(),
                                attention.clip(),
                                Optional.empty(),
                                Optional.empty(),
                                attention.positions(),
                                attention.window())),
                Branch.normFirst(
                        Norm.rms("mlp_norm", hidden, EPSILON),
                        new Mlp(
                                mlp.gate().map(_ -> Linear.of("gate", hidden, inner, false)),
                                Linear.of("up", hidden, inner, false),
                                Linear.of("down", inner, hidden, false),
                                mlp.activation())));
    }

    private static int narrower(int width, double factor) {
        return factor == 1
                ? width
                : (int) Math.max(1, Math.round(width / factor / MULTIPLE)) * MULTIPLE;
    }
}
