package org.wanda4j.runtime.internal.decode;

import static org.wanda4j.runtime.internal.kernels.MappedMatrix.MEMORY;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Norm;
import org.wanda4j.runtime.internal.decode.ActivationBuffers.Use;
import org.wanda4j.runtime.internal.decode.DecoderWeights.NormWeights;
import org.wanda4j.runtime.internal.decode.DecoderWeights.Projection;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Epilogue;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Input;
import org.wanda4j.runtime.internal.kernels.CachedHead;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;

/// Causal self-attention of a block over the cached keys and values.
final class AttentionStep implements MixerStep {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private final Attention attention;
    private final int number;
    private final CachePool cache;
    private final ParallelKernels kernels;
    private final ActivationBuffers buffers;
    private final List<Projection> queryKeyValue;
    private final List<Projection> output;
    private final List<NormWeights> queryNorms;
    private final List<NormWeights> keyNorms;
    private final Optional<RotaryTable> rotation;
    private final int size;
    private final float scale;

    /// ALiBi slope of each head; empty without ALiBi.
    private final float[] slopes;

    private final Activations queries;
    private final Activations keys;
    private final Activations values;
    private final List<Activations> products;
    private final Activations attended;

    /// @param number index among the decoder's attentions, which says where its keys and values are in the cache
    AttentionStep(
            Attention attention,
            int number,
            CachePool cache,
            ParallelKernels kernels,
            DecoderWeights weights,
            ActivationBuffers buffers,
            Optional<RotaryTable> rotation) {
        this.attention = attention;
        this.number = number;
        this.cache = cache;
        this.kernels = kernels;
        this.buffers = buffers;
        this.queryKeyValue =
                Stream.of(attention.query(), attention.key(), attention.value())
                        .map(weights::projection)
                        .toList();
        this.output = List.of(weights.projection(attention.output()));
        this.queryNorms = norms(attention.queryNorm(), weights);
        this.keyNorms = norms(attention.keyNorm(), weights);
        this.rotation = rotation;
        this.size = attention.headSize();
        this.scale = (float) attention.scale();
        this.slopes = slopes(attention);
        this.queries = buffers.of(Use.QUERIES, attention.query().outputs());
        this.keys = buffers.of(Use.KEYS, attention.key().outputs());
        this.values = buffers.of(Use.VALUES, attention.value().outputs());
        this.products = List.of(queries, keys, values);
        this.attended = buffers.of(Use.ATTENDED, attention.width());
    }

    private static float[] slopes(Attention attention) {
        if (!(attention.positions() instanceof Attention.Alibi(double factor))) {
            return new float[0];
        }
        float[] slopes = Attention.Alibi.slopes(attention.heads());
        for (int head = 0; head < slopes.length; head++) {
            slopes[head] *= (float) factor;
        }
        return slopes;
    }

    @Override
    public void run(DecodeBatch batch, Input input, Activations result, Epilogue epilogue) {
        int tokens = batch.tokens();
        kernels.project(queryKeyValue, input, tokens, products);
        attend(batch);
        kernels.project(
                output, new Input(attended, Optional.empty()), tokens, List.of(result), epilogue);
    }

    private static List<NormWeights> norms(Optional<Norm> norm, DecoderWeights weights) {
        return norm.map(weights::norm).map(NormWeights::bySpan).orElse(List.of());
    }

    /// Writes the keys and values of a batch to the cache, and computes its attention.
    private void attend(DecodeBatch batch) {
        SpinningThreadPool threads = kernels.threads();
        int tokens = batch.tokens();
        attended.reserve(tokens);
        threads.forEach(tokens, (_, token) -> prepare(batch, token));
        int all = attention.heads() * tokens;
        threads.run((thread, share) -> {
            // Consecutive items read the same keys.
            int end = threads.first(share + 1, all, 1);
            for (int i = threads.first(share, all, 1); i < end; i++) {
                attend(
                        batch,
                        i % tokens,
                        i / tokens,
                        buffers.scores(thread),
                        kernels.scratch(thread));
            }
        });
    }

    /// Clips, norms, rotates and scales a token's queries, keys and values in place, and writes the keys and values to the cache.
    private void prepare(DecodeBatch batch, int token) {
        int position = batch.position(token);
        if (attention.clip().isPresent()) {
            products.forEach(each -> clip(each, token, (float) attention.clip().getAsDouble()));
        }
        normAndRotate(queryNorms, queries, batch, token);
        normAndRotate(keyNorms, keys, batch, token);
        int from = token * queries.width();
        for (int j = from; j < from + queries.size(); j++) {
            queries.values()[j] *= scale;
        }
        Sequence sequence = batch.sequence(token);
        int shared = attention.keyValueHeads();
        var rounded = new short[size];
        for (int head = 0; head < shared; head++) {
            int key = token * keys.width() + head * size;
            store(
                    keys.values(),
                    key,
                    rounded,
                    at(sequence, position, cache.keys(number, head, size)));
            store(
                    values.values(),
                    key,
                    rounded,
                    at(sequence, position, cache.values(number, head, shared, size)));
        }
    }

    private static void clip(Activations x, int token, float most) {
        int from = token * x.width();
        for (int j = from; j < from + x.size(); j++) {
            x.values()[j] = Math.clamp(x.values()[j], -most, most);
        }
    }

    /// Norms the heads of a token, each alone or all at once, and rotates them.
    ///
    /// @param norms one for all spans, or one for each
    private void normAndRotate(
            List<NormWeights> norms, Activations x, DecodeBatch batch, int token) {
        int from = token * x.width();
        int end = from + x.size();
        if (!norms.isEmpty()) {
            int span = norms.getFirst().norm().span();
            for (int j = from, i = 0; j < end; j += span, i++) {
                kernels.norm(norms.get(i % norms.size()), x.values(), j, x.values(), j);
            }
        }
        if (rotation.isPresent()) {
            int row = rotation.get().row(batch, token);
            for (int j = from; j < end; j += size) {
                rotation.get().rotate(x.values(), j, row);
            }
        }
    }

    /// Address of a head's key or value at a position.
    ///
    /// @param head offset of the head's first position in a page, in values
    private long at(Sequence sequence, int position, long head) {
        long row = (long) (position % CachePool.POSITIONS) * size;
        return sequence.page(position) + Short.BYTES * (head + row);
    }

    /// Writes a key or value in bf16, rounded to nearest, ties to even.
    ///
    /// @param rounded room for it
    private static void store(float[] x, int from, short[] rounded, long address) {
        for (int j = 0; j < rounded.length; j++) {
            rounded[j] = UpperHalf.rounded(x[from + j]);
        }
        MemorySegment.copy(rounded, 0, MEMORY, SHORT, address, rounded.length);
    }

    private void attend(DecodeBatch batch, int token, int head, float[] scores, Scratch scratch) {
        RowKernels rowKernels = kernels.rowKernels();
        int end = batch.position(token) + 1;
        int first = Math.max(0, end - attention.window().orElse(Integer.MAX_VALUE));
        int source = head / (attention.heads() / attention.keyValueHeads());
        CachedHead cached = scratch.head;
        find(batch.sequence(token), source, first, end, cached);
        int query = token * queries.width() + head * size;
        rowKernels.dots(queries.values(), query, cached, scores, scratch);
        if (attention.cap().isPresent()) {
            cap(scores, end - first, (float) attention.cap().getAsDouble());
        }
        if (slopes.length > 0) {
            addBiases(scores, end - first, slopes[head]);
        }
        float highest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < end - first; i++) {
            highest = Math.max(highest, scores[i]);
        }
        float sum = rowKernels.exponentials(scores, end - first, highest);
        int to = token * attended.width() + head * size;
        rowKernels.mix(scores, 1 / sum, cached, attended.values(), to, scratch);
    }

    /// `cap tanh(x / cap)`, where `tanh(u)` is `2 / (1 + exp(-2 u)) - 1`.
    private void cap(float[] scores, int count, float cap) {
        for (int i = 0; i < count; i++) {
            scores[i] *= -2 / cap;
        }
        kernels.rowKernels().exponentials(scores, count, 0);
        for (int i = 0; i < count; i++) {
            scores[i] = 2 * cap / (1 + scores[i]) - cap;
        }
    }

    /// ALiBi: subtracts the slope times the distance to the last of `count` positions.
    private static void addBiases(float[] scores, int count, float slope) {
        for (int i = 0; i < count; i++) {
            scores[i] -= slope * (count - 1 - i);
        }
    }

    /// Finds the keys and values of a head in the cache, from position `first` to `end`, exclusive.
    private void find(Sequence sequence, int head, int first, int end, CachedHead found) {
        long keys = cache.keys(number, head, size);
        long values = cache.values(number, head, attention.keyValueHeads(), size);
        found.clear(size);
        for (int i = first, next; i < end; i = next) {
            next = Math.min(end, CachePool.nextPage(i));
            found.add(at(sequence, i, keys), at(sequence, i, values), next - i);
        }
    }
}
