package org.wanda4j.plan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture.Attention;
import org.wanda4j.model.Architecture.Block;
import org.wanda4j.model.Architecture.Linear;
import org.wanda4j.model.Architecture.Mlp;
import org.wanda4j.model.Architecture.Norm;

/// A block like those of a model, with weights at random; narrower where the model's has more than it is worth to wait for.
final class SmallBlock {

    private static final int MULTIPLE = 64;

    private final Block block;
    private final Map<String, TensorView> tensors = new HashMap<>();

    /// @param most weights to have, about
    /// @param memory of the weights
    SmallBlock(Block like, long most, DType stored, Arena memory) {
        this.block = narrower(like, most);
        var random = new SplittableRandom(1);
        for (Linear linear : block.linears()) {
            double scale = Math.sqrt(3.0 / linear.inputs());
            put(linear.weight(), stored, memory, random, scale, linear.outputs(), linear.inputs());
            put(linear.name() + ".bias", stored, memory, random, 0.01, linear.outputs());
        }
        Attention attention = block.attention();
        Stream.concat(
                        Stream.of(block.attentionNorm(), block.mlpNorm()),
                        Stream.concat(attention.queryNorm().stream(), attention.keyNorm().stream()))
                .forEach(norm -> {
                    put(norm.name() + ".weight", stored, memory, random, 1, norm.width());
                    put(norm.name() + ".bias", stored, memory, random, 0.01, norm.width());
                });
    }

    Block block() {
        return block;
    }

    TensorView tensor(String name) {
        return tensors.get(name);
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
            String name,
            DType type,
            Arena memory,
            SplittableRandom random,
            double scale,
            long... shape) {
        long elements = 1;
        for (long extent : shape) {
            elements *= extent;
        }
        MemorySegment data = memory.allocate(elements * type.bytes(), MULTIPLE);
        fill(data, type, random, scale);
        tensors.put(name, new TensorView(name, type, Arrays.stream(shape).boxed().toList(), data));
    }

    /// All widths divided by one number; heads keep their size, and share keys and values as before.
    private static Block narrower(Block block, long most) {
        double weights =
                block.linears().stream()
                        .mapToDouble(linear -> (double) linear.inputs() * linear.outputs())
                        .sum();
        double factor = Math.sqrt(weights / most);
        return factor <= 1 ? block : narrower(block, factor);
    }

    private static Block narrower(Block block, double factor) {
        Attention attention = block.attention();
        int group = attention.heads() / attention.keyValueHeads();
        int shared = (int) Math.max(1, Math.round(attention.keyValueHeads() / factor));
        int hidden = narrower(attention.output().outputs(), factor);
        int inner = narrower(block.mlp().down().inputs(), factor);
        int queries = shared * group * attention.headSize();
        int keys = shared * attention.headSize();
        return new Block(
                narrower(block.attentionNorm(), hidden),
                new Attention(
                        resized(attention.query(), hidden, queries),
                        resized(attention.key(), hidden, keys),
                        resized(attention.value(), hidden, keys),
                        resized(attention.output(), queries, hidden),
                        shared * group,
                        shared,
                        attention.headSize(),
                        attention.queryNorm(),
                        attention.keyNorm(),
                        attention.rotary(),
                        attention.window()),
                narrower(block.mlpNorm(), hidden),
                new Mlp(
                        block.mlp().gate().map(gate -> resized(gate, hidden, inner)),
                        resized(block.mlp().up(), hidden, inner),
                        resized(block.mlp().down(), inner, hidden),
                        block.mlp().activation()),
                block.normFirst());
    }

    private static int narrower(int width, double factor) {
        return (int) Math.max(1, Math.round(width / factor / MULTIPLE)) * MULTIPLE;
    }

    private static Norm narrower(Norm norm, int width) {
        return new Norm(norm.kind(), norm.name(), width, norm.epsilon(), norm.affine());
    }

    private static Linear resized(Linear linear, int inputs, int outputs) {
        return new Linear(linear.name(), inputs, outputs, linear.bias());
    }
}
