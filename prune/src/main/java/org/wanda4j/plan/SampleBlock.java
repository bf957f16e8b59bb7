package org.wanda4j.plan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
import org.wanda4j.model.Mixer;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;

/// A block's tensors with values at random, where they lie in the model's: fused, transposed, or each by itself.
final class SampleBlock {

    private static final int MULTIPLE = 64;

    /// The largest absolute value of a weight.
    private static final double WEIGHT = 0.05;

    private final Block block;
    private final Map<String, TensorView> tensors = new HashMap<>();

    /// @param stored type of the values
    /// @param memory of the values
    SampleBlock(Block block, DType stored, Arena memory) {
        this.block = block;
        var random = new SplittableRandom(1);
        block.views()
                .forEach(view ->
                        tensors.computeIfAbsent(
                                view.tensor(), _ -> tensor(view, stored, random, memory)));
    }

    private static TensorView tensor(
            MatrixView view, DType type, SplittableRandom random, Arena memory) {
        long elements = view.shape().stream().reduce(1L, Math::multiplyExact);
        MemorySegment data = memory.allocate(elements * type.bytes(), MULTIPLE);
        fill(data, type, random, WEIGHT);
        return new TensorView(view.tensor(), type, view.shape(), data);
    }

    Block block() {
        return block;
    }

    /// @param memory for a copy, where the matrix does not lie in one piece
    TensorView map(MatrixView view, Arena memory) {
        return view.of(tensors.get(view.tensor()), memory);
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

    /// `block` with about `most` weights, where it has more: of experts as small a number as leaves each the same share of the
    /// tokens, all widths divided by one number, heads as wide as before and sharing keys and values as before, each linear a tensor
    /// of its own.
    static Block narrowed(Block block, long most) {
        if (block.weights() <= most) {
            return block;
        }
        long weights =
                block.weights()
                        - block.branches().stream()
                                .mapToLong(branch -> leftOut(branch.mixer()))
                                .sum();
        return new Narrowing(Math.max(1, Math.sqrt((double) weights / most))).block(block);
    }

    private static long leftOut(Mixer mixer) {
        return mixer instanceof Experts it
                ? it.experts().stream()
                        .skip(it.experts().size() / common(it))
                        .flatMap(SampleBlock::linears)
                        .mapToLong(Linear::weights)
                        .sum()
                : 0;
    }

    private static Stream<Linear> linears(Mlp mlp) {
        return Stream.concat(mlp.gate().stream(), Stream.of(mlp.up(), mlp.down()));
    }

    /// What the numbers of all experts and of a token's are divided by.
    private static int common(Experts experts) {
        return BigInteger.valueOf(experts.chosen())
                .gcd(BigInteger.valueOf(experts.experts().size()))
                .intValueExact();
    }

    private record Narrowing(double factor) {

        Block block(Block block) {
            return new Block(
                    block.branches().stream()
                            .map(it ->
                                    new Branch(
                                            it.before().map(this::norm),
                                            mixer(it.mixer()),
                                            it.after().map(this::norm),
                                            it.behind().map(this::norm),
                                            it.multiplier()))
                            .toList(),
                    block.parallel());
        }

        private Mixer mixer(Mixer mixer) {
            return switch (mixer) {
                case Attention it -> attention(it);
                case Mlp it -> mlp(it);
                case Experts it -> experts(it);
            };
        }

        private Experts experts(Experts it) {
            int common = common(it);
            int count = it.experts().size() / common;
            return new Experts(
                    linear(it.router(), width(it.router().inputs()), count),
                    it.experts().stream().limit(count).map(this::mlp).toList(),
                    it.chosen() / common,
                    it.normalised(),
                    it.shared().map(this::mlp),
                    it.sharedGate()
                            .map(gate -> linear(gate, width(gate.inputs()), gate.outputs())));
        }

        private Attention attention(Attention it) {
            int shared = (int) Math.max(1, Math.round(it.keyValueHeads() / factor));
            int heads = shared * (it.heads() / it.keyValueHeads());
            int hidden = width(it.query().inputs());
            int size = it.headSize();
            return new Attention(
                    linear(it.query(), hidden, heads * size),
                    linear(it.key(), hidden, shared * size),
                    linear(it.value(), hidden, shared * size),
                    linear(it.output(), heads * size, hidden),
                    heads,
                    shared,
                    size,
                    it.scale(),
                    it.cap(),
                    it.clip(),
                    it.queryNorm()
                            .map(norm -> norm.width() == size ? norm : norm(norm, heads * size)),
                    it.keyNorm()
                            .map(norm -> norm.width() == size ? norm : norm(norm, shared * size)),
                    it.positions(),
                    it.window());
        }

        private Mlp mlp(Mlp it) {
            return new Mlp(
                    it.gate().map(this::linear),
                    linear(it.up()),
                    linear(it.down()),
                    it.activation());
        }

        private Linear linear(Linear linear) {
            return linear(linear, width(linear.inputs()), width(linear.outputs()));
        }

        private static Linear linear(Linear linear, int inputs, int outputs) {
            return Linear.of(linear.name(), inputs, outputs, linear.bias().isPresent());
        }

        private Norm norm(Norm norm) {
            return norm(norm, width(norm.width()));
        }

        private static Norm norm(Norm norm, int width) {
            return new Norm(
                    norm.kind(),
                    width,
                    norm.span() == norm.width() ? width : norm.span(),
                    norm.epsilon(),
                    vector(norm.weight(), width),
                    vector(norm.bias(), width),
                    norm.offset());
        }

        private static List<MatrixView> vector(List<MatrixView> views, int width) {
            return views.stream()
                    .limit(1)
                    .map(view -> MatrixView.vector(view.tensor(), width))
                    .toList();
        }

        private int width(int width) {
            return (int) Math.max(1, Math.round(width / factor / MULTIPLE)) * MULTIPLE;
        }
    }
}
