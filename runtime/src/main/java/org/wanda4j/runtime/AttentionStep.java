package org.wanda4j.runtime;

import static org.wanda4j.runtime.internal.kernels.MappedMatrix.MEMORY;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.wanda4j.model.Attention;
import org.wanda4j.runtime.Buffers.Use;
import org.wanda4j.runtime.Compute.Input;
import org.wanda4j.runtime.Compute.Then;
import org.wanda4j.runtime.Weights.Projection;
import org.wanda4j.runtime.Weights.Scaling;
import org.wanda4j.runtime.internal.kernels.CachedHead;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;

/// Causal self-attention of a block against the cache.
final class AttentionStep implements MixerStep {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int ROUNDING = 0x7fff;

    private final Attention attention;
    private final int number;
    private final CachePool pool;
    private final Compute compute;
    private final Buffers buffers;
    private final List<Projection> queryKeyValue;
    private final List<Projection> output;
    private final Optional<Scaling> queryNorm;
    private final Optional<Scaling> keyNorm;
    private final Optional<Rotation> rotation;
    private final int size;
    private final float scale;

    /// Of each head's biases; empty where it has none.
    private final float[] slopes;

    private final Vectors queries;
    private final Vectors keys;
    private final Vectors values;
    private final List<Vectors> products;
    private final Vectors attended;

    /// @param number which of the decoder's attentions it is: where its keys and values lie in the cache
    AttentionStep(
            Attention attention,
            int number,
            CachePool pool,
            Compute compute,
            Weights weights,
            Buffers buffers,
            Optional<Rotation> rotation) {
        this.attention = attention;
        this.number = number;
        this.pool = pool;
        this.compute = compute;
        this.buffers = buffers;
        this.queryKeyValue =
                Stream.of(attention.query(), attention.key(), attention.value())
                        .map(weights::projection)
                        .toList();
        this.output = List.of(weights.projection(attention.output()));
        this.queryNorm = attention.queryNorm().map(weights::scaling);
        this.keyNorm = attention.keyNorm().map(weights::scaling);
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
    public void run(Batch batch, Input input, Vectors result, Then then) {
        int tokens = batch.tokens();
        compute.project(queryKeyValue, input, tokens, products);
        attend(batch);
        compute.project(
                output, new Input(attended, Optional.empty()), tokens, List.of(result), then);
    }

    /// Keeps the keys and values of a batch, and computes what its heads attend to.
    private void attend(Batch batch) {
        Team team = compute.team();
        int tokens = batch.tokens();
        attended.reserve(tokens);
        team.deal(tokens, (_, token) -> prepare(batch, token));
        int all = attention.heads() * tokens;
        team.run(member -> {
            // Heads that read the same keys are next to each other.
            int end = team.first(member + 1, all, 1);
            for (int i = team.first(member, all, 1); i < end; i++) {
                attend(
                        batch,
                        i % tokens,
                        i / tokens,
                        buffers.scores(member),
                        compute.scratch(member));
            }
        });
    }

    /// Makes a token's queries, keys and values what the heads read, and keeps the keys and values.
    private void prepare(Batch batch, int token) {
        int position = batch.position(token);
        if (attention.clip().isPresent()) {
            products.forEach(each -> clip(each, token, (float) attention.clip().getAsDouble()));
        }
        finish(queryNorm, queries, token, position);
        finish(keyNorm, keys, token, position);
        int from = token * queries.width();
        for (int j = from; j < from + queries.size(); j++) {
            queries.values()[j] *= scale;
        }
        Sequence sequence = batch.sequence(token);
        int shared = attention.keyValueHeads();
        for (int head = 0; head < shared; head++) {
            int key = token * keys.width() + head * size;
            keep(keys.values(), key, at(sequence, position, pool.keys(number, head, size)));
            keep(
                    values.values(),
                    key,
                    at(sequence, position, pool.values(number, head, shared, size)));
        }
    }

    private static void clip(Vectors x, int token, float most) {
        int from = token * x.width();
        for (int j = from; j < from + x.size(); j++) {
            x.values()[j] = Math.clamp(x.values()[j], -most, most);
        }
    }

    /// Norms the heads of a token, each by itself or all at once as the norm is wide, and turns them.
    private void finish(Optional<Scaling> norm, Vectors x, int token, int position) {
        int from = token * x.width();
        int end = from + x.size();
        if (norm.isPresent()) {
            int width = norm.get().norm().width();
            for (int j = from; j < end; j += width) {
                compute.norm(norm.get(), x.values(), j, x.values(), j);
            }
        }
        if (rotation.isPresent()) {
            for (int j = from; j < end; j += size) {
                rotation.get().turn(x.values(), j, position);
            }
        }
    }

    /// Address of what a head keeps of a position.
    ///
    /// @param head where its first position is in a page, in values
    private long at(Sequence sequence, int position, long head) {
        long row = (long) (position % CachePool.POSITIONS) * size;
        return sequence.page(position) + Short.BYTES * (head + row);
    }

    /// Rounds to the nearest bf16, to the even one of two.
    private void keep(float[] x, int from, long address) {
        for (int j = 0; j < size; j++) {
            int bits = Float.floatToRawIntBits(x[from + j]);
            MEMORY.set(
                    SHORT,
                    address + (long) Short.BYTES * j,
                    (short) ((bits + ROUNDING + (bits >>> 16 & 1)) >>> 16));
        }
    }

    private void attend(Batch batch, int token, int head, float[] scores, Scratch scratch) {
        RowKernels kernels = compute.kernels();
        int end = batch.position(token) + 1;
        int first = Math.max(0, end - attention.window().orElse(Integer.MAX_VALUE));
        int source = head / (attention.heads() / attention.keyValueHeads());
        CachedHead cached = scratch.head;
        find(batch.sequence(token), source, first, end, cached);
        int query = token * queries.width() + head * size;
        kernels.dots(queries.values(), query, cached, scores, scratch);
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
        float sum = kernels.exponentials(scores, end - first, highest);
        int to = token * attended.width() + head * size;
        kernels.mix(scores, 1 / sum, cached, attended.values(), to, scratch);
    }

    private static void cap(float[] scores, int count, float cap) {
        for (int i = 0; i < count; i++) {
            scores[i] = cap * (float) Math.tanh(scores[i] / cap);
        }
    }

    /// Less by the slope for each position that lies between, up to the last of `count`.
    private static void addBiases(float[] scores, int count, float slope) {
        for (int i = 0; i < count; i++) {
            scores[i] -= slope * (count - 1 - i);
        }
    }

    /// Finds what the cache keeps of a head from position `first` to `end`, exclusive.
    private void find(Sequence sequence, int head, int first, int end, CachedHead found) {
        long keys = pool.keys(number, head, size);
        long values = pool.values(number, head, attention.keyValueHeads(), size);
        found.clear(size);
        for (int i = first, next; i < end; i = next) {
            next = Math.min(end, CachePool.nextPage(i));
            found.add(at(sequence, i, keys), at(sequence, i, values), next - i);
        }
    }
}
