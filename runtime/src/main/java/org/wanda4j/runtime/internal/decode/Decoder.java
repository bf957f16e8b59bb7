package org.wanda4j.runtime.internal.decode;

import com.sun.management.OperatingSystemMXBean;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Rotary;
import org.wanda4j.model.families.Families;
import org.wanda4j.runtime.internal.decode.DecoderWeights.NormWeights;
import org.wanda4j.runtime.internal.decode.DecoderWeights.Projection;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Input;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;

/// Takes token ids to logits: interprets an [Architecture], with the matrices where they are mapped.
///
/// One thread at a time may use it; it computes on a thread pool of its own.
public final class Decoder implements AutoCloseable {

    /// Most tokens of a batch.
    public static final int LARGEST_BATCH = 256;

    private static final int MEMORY_SHARE = 4;

    private final Architecture architecture;
    private final TokenWeights perToken;
    private final Arena memory = Arena.ofShared();
    private final SpinningThreadPool threads;
    private final DenseLayout layout;
    private final ParallelKernels kernels;
    private final CachePool cache;
    private final MappedMatrix embedding;
    private final Optional<MappedMatrix> positions;
    private final Optional<Projection> intoHidden;
    private final Optional<NormWeights> embeddingNorm;
    private final Map<Rotary, RotaryTable> rotations = new HashMap<>();
    private final ActivationBuffers buffers;
    private final List<DecoderBlock> blocks = new ArrayList<>();
    private final Optional<NormWeights> headNorm;
    private final Optional<Projection> outOfHidden;
    private final Projection table;
    private final Activations embedded;
    private final Activations hidden;
    private final Activations last;
    private final Activations projected;
    private final Activations logits;

    /// Without a limit for keys and values.
    ///
    /// @param checkpoint stays open as long as this
    public Decoder(Checkpoint checkpoint, RowKernels rowKernels, int threadCount) {
        this(checkpoint, rowKernels, threadCount, Long.MAX_VALUE);
    }

    /// @param checkpoint stays open as long as this
    /// @param threadCount the caller's thread included
    /// @param cacheBytes most memory for keys and values, in bytes
    public Decoder(Checkpoint checkpoint, RowKernels rowKernels, int threadCount, long cacheBytes) {
        architecture = Families.describe(checkpoint);
        threads = new SpinningThreadPool(threadCount);
        try {
            layout = new DenseLayout(rowKernels, threads, mostDenseBytes(), memory);
            DecoderWeights weights = new DecoderWeights(checkpoint, layout, memory);
            kernels = new ParallelKernels(rowKernels, threads, widest(architecture), memory);
            cache = new CachePool(architecture, cacheBytes);
            embedding = weights.matrix(architecture.embedding().tokens());
            positions =
                    architecture.embedding().positions().map(each -> weights.matrix(each.table()));
            intoHidden = architecture.embedding().project().map(weights::projection);
            buffers = new ActivationBuffers(threads.size());
            addBlocks(weights);
            headNorm = architecture.head().norm().map(weights::norm);
            outOfHidden = architecture.head().project().map(weights::projection);
            embeddingNorm = architecture.embedding().norm().map(weights::norm);
            table = weights.table(architecture.head());
            embedded = new Activations(architecture.embedding().width());
            hidden = new Activations(architecture.hidden());
            last = new Activations(architecture.hidden());
            projected = new Activations(architecture.embedding().width());
            logits = new Activations(architecture.vocabulary());
            perToken =
                    TokenWeights.of(
                            architecture, name -> checkpoint.bytes(name) + layout.addedBytes(name));
        } catch (RuntimeException | Error e) {
            threads.close();
            memory.close();
            throw e;
        }
    }

    /// A quarter of the memory of this machine or container: what lies in a file need not stay in memory, copies must.
    private static long mostDenseBytes() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize()
                / MEMORY_SHARE;
    }

    /// Which matrices were laid out for these kernels, in words; empty where all are as their files have them.
    public String layout() {
        return layout.description();
    }

    private void addBlocks(DecoderWeights weights) {
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
                                            cache,
                                            kernels,
                                            weights,
                                            buffers,
                                            attention.rotary().map(this::rotation));
                            case Mlp mlp -> new MlpStep(mlp, kernels, weights, buffers);
                            case Experts experts ->
                                    new ExpertsStep(
                                            experts,
                                            architecture.hidden(),
                                            kernels,
                                            weights,
                                            buffers);
                        });
            }
            blocks.add(
                    new DecoderBlock(
                            block, architecture.hidden(), mixers, kernels, weights, buffers));
        }
    }

    private RotaryTable rotation(Rotary rotary) {
        return rotations.computeIfAbsent(rotary, RotaryTable::new);
    }

    private static int widest(Architecture architecture) {
        return architecture.linears().stream()
                .mapToInt(Linear::inputs)
                .reduce(
                        Math.max(architecture.hidden(), architecture.embedding().width()),
                        Math::max);
    }

    /// The description that it interprets.
    public Architecture architecture() {
        return architecture;
    }

    /// Whether what was decoded of a sequence can be the beginning of one of `length` tokens: not where their positions are encoded
    /// otherwise.
    public boolean canContinue(Sequence sequence, int length) {
        return rotations.keySet().stream()
                .filter(Rotary::dependsOnLength)
                .allMatch(rotary ->
                        Arrays.equals(
                                rotary.frequencies(sequence.reserved()),
                                rotary.frequencies(length)));
    }

    /// What is read of the weights to decode a token.
    public TokenWeights perToken() {
        return perToken;
    }

    /// The kernels that it computes with.
    public RowKernels kernels() {
        return kernels.rowKernels();
    }

    /// Keys and values of all sequences.
    public CachePool cache() {
        return cache;
    }

    /// An empty sequence.
    public Sequence newSequence() {
        return new Sequence(cache);
    }

    /// Decodes the next tokens of some sequences, at most [#LARGEST_BATCH] in all. Where that fails, no sequence is changed.
    ///
    /// @return logits behind each token that predicts, [#logitsWidth()] values apart; overwritten by the next call
    public float[] forward(List<DecodeBatch.Step> steps) {
        DecodeBatch batch = new DecodeBatch(steps);
        kernels.setTexts(steps.size());
        advance(batch);
        if (batch.lasts().length > 0) {
            head(batch);
        }
        steps.forEach(step -> step.sequence().append(step.tokens().length));
        return logits.values();
    }

    /// Distance between the logits of two tokens, in values.
    public int logitsWidth() {
        return logits.width();
    }

    /// Runs `work` for 0 to `count - 1` on the decoder's threads.
    public void parallelFor(int count, IntConsumer work) {
        threads.forEach(count, (_, i) -> work.accept(i));
    }

    private void advance(DecodeBatch batch) {
        embed(batch);
        int longest = batch.longest();
        rotations.values().forEach(rotation -> rotation.prepare(batch));
        buffers.reserveScores(longest);
        for (DecoderBlock block : blocks) {
            block.forward(batch, hidden);
        }
    }

    private void embed(DecodeBatch batch) {
        Activations rows = intoHidden.isPresent() ? embedded : hidden;
        rows.reserve(batch.tokens());
        hidden.reserve(batch.tokens());
        for (int t = 0; t < batch.tokens(); t++) {
            kernels.rowKernels()
                    .decode(
                            embedding,
                            batch.id(t),
                            rows.values(),
                            t * rows.width(),
                            kernels.scratch(0));
        }
        scale(rows, batch.tokens());
        intoHidden.ifPresent(projection ->
                kernels.project(
                        List.of(projection),
                        new Input(embedded, Optional.empty()),
                        batch.tokens(),
                        List.of(hidden)));
        positions.ifPresent(learned -> addPositions(learned, batch));
        embeddingNorm.ifPresent(norm -> kernels.norm(norm, hidden, hidden, batch.tokens()));
    }

    private void scale(Activations rows, int tokens) {
        float scale = (float) architecture.embedding().scale();
        if (scale != 1) {
            for (int j = 0; j < tokens * rows.width(); j++) {
                rows.values()[j] *= scale;
            }
        }
    }

    private void addPositions(MappedMatrix learned, DecodeBatch batch) {
        int offset =
                architecture
                        .embedding()
                        .positions()
                        .map(Architecture.LearnedPositions::offset)
                        .orElseThrow();
        float[] row = new float[RowKernels.padded(architecture.hidden())];
        for (int t = 0; t < batch.tokens(); t++) {
            kernels.rowKernels()
                    .decode(learned, batch.position(t) + offset, row, 0, kernels.scratch(0));
            for (int j = 0; j < architecture.hidden(); j++) {
                hidden.values()[t * hidden.width() + j] += row[j];
            }
        }
    }

    private void head(DecodeBatch batch) {
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
            kernels.project(List.of(outOfHidden.get()), input, count, List.of(projected));
            input = new Input(projected, Optional.empty());
        }
        Head head = architecture.head();
        if (head.scale() == 1 && head.cap().isEmpty()) {
            kernels.project(List.of(table), input, count, List.of(logits));
        } else {
            kernels.project(
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
        threads.close();
        cache.close();
        memory.close();
    }
}
