package org.wanda4j.runtime;

import static org.wanda4j.runtime.internal.kernels.MappedMatrix.MEMORY;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;
import org.wanda4j.model.Attention;
import org.wanda4j.runtime.Weights.Scaling;
import org.wanda4j.runtime.internal.kernels.CachedHead;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;

/// Causal self-attention of a block against the cache, up to its output projection.
final class AttentionStep {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int ROUNDING = 0x7fff;

    private final Attention attention;
    private final int block;
    private final CachePool pool;
    private final Compute compute;
    private final Optional<Scaling> queryNorm;
    private final Optional<Scaling> keyNorm;
    private final Optional<Rotation> rotation;
    private final int size;
    private final float scale;

    AttentionStep(
            Attention attention,
            int block,
            CachePool pool,
            Compute compute,
            Weights weights,
            Optional<Rotation> rotation) {
        this.attention = attention;
        this.block = block;
        this.pool = pool;
        this.compute = compute;
        this.queryNorm = attention.queryNorm().map(weights::scaling);
        this.keyNorm = attention.keyNorm().map(weights::scaling);
        this.rotation = rotation;
        this.size = attention.headSize();
        this.scale = (float) (1 / Math.sqrt(size));
    }

    /// Keeps the keys and values of a batch, and writes what its heads attend to.
    ///
    /// @param scores room for each member: as many as the longest sequence has positions, and
    ///     [RowKernels#SPARE_SCORES]
    void attend(
            Batch batch,
            Vectors queries,
            Vectors keys,
            Vectors values,
            Vectors attended,
            float[][] scores) {
        Team team = compute.team();
        int tokens = batch.tokens();
        attended.reserve(tokens);
        team.deal(tokens, (_, token) -> prepare(batch, token, queries, keys, values));
        int all = attention.heads() * tokens;
        team.run(member -> {
            // Heads that read the same keys are next to each other.
            int end = team.first(member + 1, all, 1);
            for (int i = team.first(member, all, 1); i < end; i++) {
                attend(
                        batch,
                        i % tokens,
                        i / tokens,
                        queries,
                        attended,
                        scores[member],
                        compute.scratch(member));
            }
        });
    }

    private void prepare(Batch batch, int token, Vectors queries, Vectors keys, Vectors values) {
        int position = batch.position(token);
        for (int head = 0; head < attention.heads(); head++) {
            finish(queryNorm, queries, token, head, position);
        }
        int from = token * queries.width();
        for (int j = from; j < from + queries.size(); j++) {
            queries.values()[j] *= scale;
        }
        Sequence sequence = batch.sequence(token);
        int shared = attention.keyValueHeads();
        for (int head = 0; head < shared; head++) {
            finish(keyNorm, keys, token, head, position);
            int key = token * keys.width() + head * size;
            keep(keys.values(), key, at(sequence, position, pool.keys(block, head, size)));
            keep(
                    values.values(),
                    key,
                    at(sequence, position, pool.values(block, head, shared, size)));
        }
    }

    private void finish(Optional<Scaling> norm, Vectors x, int token, int head, int position) {
        int from = token * x.width() + head * size;
        norm.ifPresent(scaling -> compute.norm(scaling, x.values(), from, x.values(), from));
        rotation.ifPresent(turn -> turn.turn(x.values(), from, position));
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

    private void attend(
            Batch batch,
            int token,
            int head,
            Vectors queries,
            Vectors attended,
            float[] scores,
            Scratch scratch) {
        RowKernels kernels = compute.kernels();
        int end = batch.position(token) + 1;
        int first = Math.max(0, end - attention.window().orElse(Integer.MAX_VALUE));
        int source = head / (attention.heads() / attention.keyValueHeads());
        CachedHead cached = scratch.head;
        find(batch.sequence(token), source, first, end, cached);
        int query = token * queries.width() + head * size;
        kernels.dots(queries.values(), query, cached, scores, scratch);
        float highest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < end - first; i++) {
            highest = Math.max(highest, scores[i]);
        }
        float sum = kernels.exponentials(scores, end - first, highest);
        int to = token * attended.width() + head * size;
        kernels.mix(scores, 1 / sum, cached, attended.values(), to, scratch);
    }

    /// Finds what the cache keeps of a head from position `first` to `end`, exclusive.
    private void find(Sequence sequence, int head, int first, int end, CachedHead found) {
        long keys = pool.keys(block, head, size);
        long values = pool.values(block, head, attention.keyValueHeads(), size);
        found.clear(size);
        for (int i = first, next; i < end; i = next) {
            next = Math.min(end, CachePool.nextPage(i));
            found.add(at(sequence, i, keys), at(sequence, i, values), next - i);
        }
    }
}
