package org.wanda4j.torch;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Attention.Alibi;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Rotary;
import org.wanda4j.torch.KernelTimes.Kernel;
import org.wanda4j.torch.Weights.LoadedLinear;
import org.wanda4j.torch.Weights.LoadedNorm;

/// Causal self-attention up to its output projection.
///
/// Queries are taken a slice at a time against the keys that the slice can see, so that the scores of a long window
/// never exist at once and half of the causal square is never computed. The query heads that share a key head form
/// one matrix.
final class TorchAttention implements TorchMixer {

    static final int SLICE = 128;

    private final Attention attention;
    private final Map<String, LoadedLinear> linears;
    private final Optional<LoadedNorm> queryNorm;
    private final Optional<LoadedNorm> keyNorm;
    private final Optional<Rotation> rotation;
    private final KernelTimes times;

    /// Cosine and sine of each position's angles, length x 1 x size / 2.
    private record Rotation(Tensor cos, Tensor sin) {

        /// The rotation of each token of a tree.
        Rotation along(Tree tree) {
            Tensor index = Tensors.beside(cos, Tensors.of(tree.positions()));
            return new Rotation(cos.index_select(0, index), sin.index_select(0, index));
        }
    }

    TorchAttention(
            Attention attention, Map<String, LoadedLinear> linears, Weights weights, int length) {
        this.attention = attention;
        this.linears = linears;
        this.times = weights.times();
        this.queryNorm = attention.queryNorm().map(weights::norm);
        this.keyNorm = attention.keyNorm().map(weights::norm);
        this.rotation = attention.rotary().map(rotary -> rotation(rotary, length, weights));
    }

    /// Operations of the heads for one window: scores and what they mix, slice by slice.
    static double operations(Attention attention, int length) {
        double pairs = 0;
        for (int from = 0; from < length; from += SLICE) {
            int count = Math.min(SLICE, length - from);
            pairs += (double) count * (from + count - first(attention, from));
        }
        return 4 * pairs * attention.heads() * attention.headSize();
    }

    /// The first position that a slice from `from` on sees.
    private static int first(Attention attention, int from) {
        return Math.max(0, from - attention.window().orElse(Integer.MAX_VALUE) + 1);
    }

    @Override
    public void advance(Tensor input, Batch batch, Tensor result) {
        attend(input, batch.windows(), batch.length(), batch.tree(), result);
    }

    @Override
    public Optional<LoadedLinear> last() {
        return Optional.of(output());
    }

    private LoadedLinear output() {
        return linears.get(attention.output().name());
    }

    @Override
    public Tensor differentiable(Tensor input, int windows, int length) {
        Tensor attended =
                torch.empty(
                        new long[] {input.size(0), attention.width()},
                        input.options(),
                        new MemoryFormatOptional());
        attend(input, windows, length, Optional.empty(), attended);
        return output().apply(attended);
    }

    /// @param input tokens x hidden, normed
    /// @param tree how the only window branches, where it does
    /// @param output tokens x (heads x size): what the heads attended to
    private void attend(Tensor input, int windows, int length, Optional<Tree> tree, Tensor output) {
        int shared = attention.keyValueHeads();
        int group = attention.heads() / shared;
        int size = attention.headSize();
        Optional<Rotation> turn =
                rotation.map(whole -> tree.map(whole::along).orElseGet(() -> whole));
        Tensor queries = heads(attention.query(), input, windows, length, queryNorm, turn);
        queries.mul_(new Scalar(attention.scale()));
        Tensor keys =
                heads(attention.key(), input, windows, length, keyNorm, turn)
                        .reshape((long) windows * shared, length, size)
                        .transpose(1, 2);
        Tensor values =
                project(attention.value(), input, windows, length)
                        .transpose(1, 2)
                        .reshape((long) windows * shared, length, size);
        Tensor grouped = queries.view(windows, shared, group, length, size);
        Tensor attended = output.view(windows, length, shared, group, size).permute(0, 2, 3, 1, 4);
        times.time(Kernel.ATTENTION, () -> attend(grouped, keys, values, tree, attended));
    }

    /// @param queries windows x key heads x group x length x size
    /// @param keys heads of all windows x size x length
    /// @param values heads of all windows x length x size
    /// @param attended laid out as the queries are
    private Tensor attend(
            Tensor queries, Tensor keys, Tensor values, Optional<Tree> tree, Tensor attended) {
        long heads = keys.size(0);
        int group = Math.toIntExact(queries.size(2));
        int length = Math.toIntExact(queries.size(3));
        for (int from = 0; from < length; from += SLICE) {
            int count = Math.min(SLICE, length - from);
            try (var _ = new PointerScope()) {
                Tensor slice =
                        queries.narrow(3, from, count)
                                .reshape(heads, (long) group * count, queries.size(4));
                Tensor result =
                        tree.isPresent()
                                ? attendSlice(slice, keys, values, from, count, tree.get())
                                : attendSlice(slice, keys, values, from, count);
                Tensor place = attended.narrow(3, from, count);
                place.copy_(result.view(place.sizes()));
            }
        }
        return attended;
    }

    private Tensor attendSlice(Tensor queries, Tensor keys, Tensor values, int from, int count) {
        int window = attention.window().orElse(Integer.MAX_VALUE);
        int first = first(attention, from);
        int seen = from + count - first;
        Tensor scores = scores(queries, keys.narrow(2, first, seen), count, places(first, seen));
        Tensor blocked =
                torch.full(
                        new long[] {count, count},
                        new Scalar(Double.NEGATIVE_INFINITY),
                        scores.options());
        scores.narrow(3, seen - count, count).add_(blocked.triu(1));
        int beyond = from - first - window;
        if (beyond + count > 0) {
            scores.narrow(3, 0, count).add_(blocked.tril(beyond));
        }
        return mix(scores, values.narrow(1, first, seen));
    }

    private Tensor attendSlice(
            Tensor queries, Tensor keys, Tensor values, int from, int count, Tree tree) {
        int window = attention.window().orElse(Integer.MAX_VALUE);
        int first = tree.first(from, count, window);
        int seen = from + count - first;
        long[] positions = Arrays.copyOfRange(tree.positions(), first, first + seen);
        Tensor scores = scores(queries, keys.narrow(2, first, seen), count, positions);
        Tensor blocked =
                torch.from_blob(new FloatPointer(tree.blocked(from, count, window)), count, seen);
        Tensor added = Tensors.beside(scores, blocked.to(scores.scalar_type()));
        return mix(scores.add_(added), values.narrow(1, first, seen));
    }

    private static long[] places(int first, int count) {
        return LongStream.range(first, first + count).toArray();
    }

    /// Products of queries and keys, capped and with the biases of their positions.
    ///
    /// @param queries heads of all windows x (group x count) x size
    /// @param keys heads of all windows x size x seen
    /// @param positions of the keys
    /// @return heads of all windows x group x count x seen
    private Tensor scores(Tensor queries, Tensor keys, int count, long[] positions) {
        Tensor scores =
                Tensors.product(queries, keys).view(queries.size(0), -1, count, positions.length);
        Tensor capped =
                attention.cap().stream()
                        .mapToObj(cap -> Tensors.capped(scores, cap))
                        .findFirst()
                        .orElse(scores);
        if (attention.positions() instanceof Alibi(double factor)) {
            capped.view(-1, attention.keyValueHeads(), capped.size(1), count, positions.length)
                    .add_(
                            Tensors.beside(
                                    capped, biases(factor, positions).to(capped.scalar_type())));
        }
        return capped;
    }

    /// `slope * position` of each head and key, less what they have in common, which softmax does not see: key heads x group x
    /// 1 x keys.
    private Tensor biases(double factor, long[] positions) {
        float[] slopes = Alibi.slopes(attention.heads());
        long last = Arrays.stream(positions).max().orElse(0);
        float[] biases = new float[slopes.length * positions.length];
        for (int i = 0; i < biases.length; i++) {
            long distance = positions[i % positions.length] - last;
            biases[i] = (float) (slopes[i / positions.length] * factor * distance);
        }
        return torch.from_blob(
                new FloatPointer(biases),
                new long[] {
                    attention.keyValueHeads(),
                    attention.heads() / attention.keyValueHeads(),
                    1,
                    positions.length
                },
                new TensorOptions(ScalarType.Float));
    }

    /// @param scores batch x group x queries x keys
    private static Tensor mix(Tensor scores, Tensor values) {
        Tensor weights =
                torch.softmax(scores, -1, new ScalarTypeOptional(ScalarType.Float))
                        .to(scores.scalar_type())
                        .view(scores.size(0), -1, scores.size(3));
        return Tensors.product(weights, values);
    }

    /// windows x heads x length x size, normed and rotated
    private Tensor heads(
            Linear linear,
            Tensor input,
            int windows,
            int length,
            Optional<LoadedNorm> norm,
            Optional<Rotation> rotation) {
        Tensor plain = project(linear, input, windows, length);
        return times.time(
                Kernel.ATTENTION,
                () -> {
                    Tensor normed = norm.map(each -> normed(each, plain)).orElse(plain);
                    return rotation.map(turn -> rotate(normed, turn))
                            .orElse(normed)
                            .transpose(1, 2)
                            .contiguous();
                });
    }

    /// windows x length x heads x size
    private Tensor project(Linear linear, Tensor input, int windows, int length) {
        Tensor projected = linears.get(linear.name()).apply(input);
        attention
                .clip()
                .ifPresent(most ->
                        projected.clamp_(
                                new ScalarOptional(new Scalar(-most)),
                                new ScalarOptional(new Scalar(most))));
        return projected.view(windows, length, -1, attention.headSize());
    }

    /// Each head by itself, or all of a token at once.
    private Tensor normed(LoadedNorm norm, Tensor heads) {
        return norm.norm().width() == attention.headSize()
                ? norm.apply(heads)
                : norm.apply(heads.reshape(heads.size(0), heads.size(1), -1)).view(heads.sizes());
    }

    /// A pair `(a, b)` of a head becomes `(a cos - b sin, b cos + a sin)`. Each product is rounded before they are added, as
    /// transformers does: the masks of deep blocks tell the difference.
    private Tensor rotate(Tensor heads, Rotation rotation) {
        Rotary rotary = attention.rotary().orElseThrow();
        Tensor turned = torch.empty(heads.sizes(), heads.options(), new MemoryFormatOptional());
        int size = rotary.size();
        if (size < heads.size(3)) {
            long rest = heads.size(3) - size;
            turned.narrow(3, size, rest).copy_(heads.narrow(3, size, rest));
        }
        Tensor a = half(heads, rotary, 0);
        Tensor b = half(heads, rotary, 1);
        half(turned, rotary, 0).copy_(a.mul(rotation.cos()).sub_(b.mul(rotation.sin())));
        half(turned, rotary, 1).copy_(b.mul(rotation.cos()).add_(a.mul(rotation.sin())));
        return turned;
    }

    /// The first (0) or second (1) values of a head's pairs.
    private static Tensor half(Tensor heads, Rotary rotary, int which) {
        long half = rotary.size() / 2;
        if (!rotary.interleaved()) {
            return heads.narrow(3, which * half, half);
        }
        return heads.narrow(3, 0, rotary.size())
                .view(heads.size(0), heads.size(1), heads.size(2), half, 2)
                .select(4, which);
    }

    private static Rotation rotation(Rotary rotary, int length, Weights weights) {
        float[] frequencies = rotary.frequencies(length);
        float[] angles = new float[length * frequencies.length];
        for (int i = 0; i < angles.length; i++) {
            int position = i / frequencies.length;
            angles[i] = position * frequencies[i % frequencies.length];
        }
        try (var _ = new PointerScope()) {
            Tensor turned =
                    torch.from_blob(new FloatPointer(angles), length, 1, frequencies.length);
            return new Rotation(
                    weights.keep(weights.here(scaled(turned.cos(), rotary), weights.type())),
                    weights.keep(weights.here(scaled(turned.sin(), rotary), weights.type())));
        }
    }

    private static Tensor scaled(Tensor values, Rotary rotary) {
        return rotary.magnitude() == 1 ? values : values.mul_(new Scalar(rotary.magnitude()));
    }
}
