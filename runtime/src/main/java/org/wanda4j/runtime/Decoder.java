package org.wanda4j.runtime;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Rotary;
import org.wanda4j.runtime.Compute.Input;
import org.wanda4j.runtime.Weights.Projection;
import org.wanda4j.runtime.Weights.Scaling;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;

/// From token ids to logits: what an [Architecture] says, on the weights where they are mapped.
///
/// One thread at a time may use it; it works with a team of its own.
final class Decoder implements AutoCloseable {

    /// Tokens that go through the blocks at once.
    static final int LARGEST_BATCH = 256;

    private final Architecture architecture;
    private final long bytes;
    private final Arena memory = Arena.ofShared();
    private final Team team;
    private final Compute compute;
    private final CachePool pool;
    private final MappedMatrix embedding;
    private final Optional<MappedMatrix> positions;
    private final Optional<Projection> intoHidden;
    private final Optional<Scaling> embeddingNorm;
    private final Map<Rotary, Rotation> rotations = new HashMap<>();
    private final Buffers buffers;
    private final List<DecoderBlock> blocks = new ArrayList<>();
    private final Optional<Scaling> headNorm;
    private final Optional<Projection> outOfHidden;
    private final Projection table;
    private final Vectors embedded;
    private final Vectors hidden;
    private final Vectors last;
    private final Vectors projected;
    private final Vectors logits;

    /// Keys and values may take all memory.
    ///
    /// @param checkpoint stays open as long as this
    Decoder(Checkpoint checkpoint, RowKernels kernels, int threads) {
        this(checkpoint, kernels, threads, Long.MAX_VALUE);
    }

    /// @param checkpoint stays open as long as this
    /// @param cacheBytes memory that keys and values may take
    Decoder(Checkpoint checkpoint, RowKernels kernels, int threads, long cacheBytes) {
        architecture = Architecture.of(checkpoint);
        bytes = checkpoint.bytes();
        team = new Team(threads);
        try {
            Weights weights = new Weights(checkpoint, memory);
            compute = new Compute(kernels, team, widest(architecture), memory);
            pool = new CachePool(architecture, cacheBytes);
            embedding = weights.matrix(architecture.embedding().tokens());
            positions =
                    architecture.embedding().positions().map(each -> weights.matrix(each.table()));
            intoHidden = architecture.embedding().project().map(weights::projection);
            buffers = new Buffers(team.size());
            addBlocks(weights);
            headNorm = architecture.head().norm().map(weights::scaling);
            outOfHidden = architecture.head().project().map(weights::projection);
            embeddingNorm = architecture.embedding().norm().map(weights::scaling);
            table = weights.table(architecture.head());
            embedded = new Vectors(architecture.embedding().width());
            hidden = new Vectors(architecture.hidden());
            last = new Vectors(architecture.hidden());
            projected = new Vectors(architecture.embedding().width());
            logits = new Vectors(architecture.vocabulary());
        } catch (RuntimeException | Error e) {
            team.close();
            memory.close();
            throw e;
        }
    }

    private void addBlocks(Weights weights) {
        int attentions = 0;
        for (Block block : architecture.blocks()) {
            List<MixerStep> mixers = new ArrayList<>();
            for (Block.Branch branch : block.branches()) {
                mixers.add(
                        switch (branch.mixer()) {
                            case Attention attention ->
                                    new AttentionStep(
                                            attention,
                                            attentions++,
                                            pool,
                                            compute,
                                            weights,
                                            buffers,
                                            attention.rotary().map(this::rotation));
                            case Mlp mlp -> new MlpStep(mlp, compute, weights, buffers);
                            case Experts _ ->
                                    throw new InvalidInputException(
                                            "the runtime cannot run a mixture of experts yet");
                        });
            }
            blocks.add(
                    new DecoderBlock(
                            block, architecture.hidden(), mixers, compute, weights, buffers));
        }
    }

    private Rotation rotation(Rotary rotary) {
        return rotations.computeIfAbsent(rotary, Rotation::new);
    }

    private static int widest(Architecture architecture) {
        return architecture.linears().stream()
                .mapToInt(Linear::inputs)
                .reduce(
                        Math.max(architecture.hidden(), architecture.embedding().width()),
                        Math::max);
    }

    Architecture architecture() {
        return architecture;
    }

    /// Bytes of weights that are read for a token: all but the embedding, of which it is a row.
    long bytesPerToken() {
        boolean tied = architecture.head().table().equals(architecture.embedding().tokens());
        return tied
                ? bytes
                : bytes
                        - embedding.rows()
                                * embedding
                                        .type()
                                        .bytes(embedding.type().padded(embedding.columns()));
    }

    RowKernels kernels() {
        return compute.kernels();
    }

    /// Keys and values of all sequences.
    CachePool cache() {
        return pool;
    }

    /// An empty text.
    Sequence newSequence() {
        return new Sequence(pool);
    }

    /// Decodes the next tokens of some sequences together, at most [#LARGEST_BATCH] in all. Where that fails, the sequences are
    /// as long as before.
    ///
    /// @return logits of what follows each step that predicts, [#logitsWidth()] apart; overwritten by the next call
    float[] forward(List<Batch.Step> steps) {
        Batch batch = new Batch(steps);
        advance(batch);
        if (batch.lasts().length > 0) {
            head(batch);
        }
        steps.forEach(step -> step.sequence().append(step.tokens().length));
        return logits.values();
    }

    /// From the logits of a step to those of the next.
    int logitsWidth() {
        return logits.width();
    }

    /// Runs `work` for 0 to `count - 1` on the decoder's threads.
    void parallelFor(int count, IntConsumer work) {
        team.deal(count, (_, i) -> work.accept(i));
    }

    private void advance(Batch batch) {
        embed(batch);
        int longest = batch.longest();
        rotations.values().forEach(rotation -> rotation.reserve(longest));
        buffers.reserveScores(longest);
        for (DecoderBlock block : blocks) {
            block.forward(batch, hidden);
        }
    }

    private void embed(Batch batch) {
        Vectors rows = intoHidden.isPresent() ? embedded : hidden;
        rows.reserve(batch.tokens());
        hidden.reserve(batch.tokens());
        for (int t = 0; t < batch.tokens(); t++) {
            compute.kernels()
                    .decode(
                            embedding,
                            batch.id(t),
                            rows.values(),
                            t * rows.width(),
                            compute.scratch(0));
        }
        scale(rows, batch.tokens());
        intoHidden.ifPresent(projection ->
                compute.project(
                        List.of(projection),
                        new Input(embedded, Optional.empty()),
                        batch.tokens(),
                        List.of(hidden)));
        positions.ifPresent(learned -> addPositions(learned, batch));
        embeddingNorm.ifPresent(norm -> compute.norm(norm, hidden, hidden, batch.tokens()));
    }

    private void scale(Vectors rows, int tokens) {
        float scale = (float) architecture.embedding().scale();
        if (scale != 1) {
            for (int j = 0; j < tokens * rows.width(); j++) {
                rows.values()[j] *= scale;
            }
        }
    }

    private void addPositions(MappedMatrix learned, Batch batch) {
        int offset =
                architecture
                        .embedding()
                        .positions()
                        .map(Architecture.LearnedPositions::offset)
                        .orElseThrow();
        float[] row = new float[RowKernels.padded(architecture.hidden())];
        for (int t = 0; t < batch.tokens(); t++) {
            compute.kernels()
                    .decode(learned, batch.position(t) + offset, row, 0, compute.scratch(0));
            for (int j = 0; j < architecture.hidden(); j++) {
                hidden.values()[t * hidden.width() + j] += row[j];
            }
        }
    }

    private void head(Batch batch) {
        int count = batch.lasts().length;
        last.reserve(count);
        for (int i = 0; i < count; i++) {
            System.arraycopy(
                    hidden.values(),
                    batch.lasts()[i] * hidden.width(),
                    last.values(),
                    i * last.width(),
                    hidden.width());
        }
        Input input = new Input(last, headNorm);
        if (outOfHidden.isPresent()) {
            compute.project(List.of(outOfHidden.get()), input, count, List.of(projected));
            input = new Input(projected, Optional.empty());
        }
        Head head = architecture.head();
        if (head.scale() == 1 && head.cap().isEmpty()) {
            compute.project(List.of(table), input, count, List.of(logits));
        } else {
            compute.project(
                    List.of(table),
                    input,
                    count,
                    List.of(logits),
                    (from, to) -> {
                        for (int i = 0; i < count; i++) {
                            scaleAndCap(head, i * logits.width() + from, to - from);
                        }
                    });
        }
    }

    private void scaleAndCap(Head head, int from, int count) {
        float[] x = logits.values();
        float scale = (float) head.scale();
        for (int j = from; j < from + count; j++) {
            x[j] *= scale;
        }
        if (head.cap().isPresent()) {
            float cap = (float) head.cap().getAsDouble();
            for (int j = from; j < from + count; j++) {
                x[j] = cap * (float) Math.tanh(x[j] / cap);
            }
        }
    }

    @Override
    public void close() {
        team.close();
        pool.close();
        memory.close();
    }
}
