package org.wanda4j.runtime.internal.x86;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.ArrangedBatch;
import org.wanda4j.runtime.internal.kernels.CachedHead;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.ScalarKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;
import org.wanda4j.sparse.ProcessorFeatures;

/// Kernels in machine code that Java has written: with instructions that the Vector API does not offer, sums of products of pairs
/// among them, and prefetches.
public abstract sealed class MachineKernels implements RowKernels
        permits Avx512Kernels, Avx2Kernels {

    private final RowKernels others;
    private final RowFunctions rows;
    private final ScalarKernels scalar = new ScalarKernels("rows of an embedding");
    private final MachineCode dots;
    private final MachineCode mix;
    private final MachineCode sumOfSquares;
    private final MachineCode scale;
    private final MachineCode add;
    private final MachineCode exponentials;
    private final MachineCode silu;

    /// @param others take matrices whose columns are no multiple of 64, and those in fp32 and fp16
    /// @param rows functions that multiply rows with an activation
    /// @throws IllegalStateException where the system lets no memory become code
    MachineKernels(RowKernels others, RowFunctions rows, Width width) {
        this.others = others;
        this.rows = rows;
        this.dots = new MachineCode(AttentionCode.dots(width));
        this.mix = new MachineCode(AttentionCode.mix(width));
        this.sumOfSquares = new MachineCode(new VectorCode(width).sumOfSquares());
        this.scale = new MachineCode(new VectorCode(width).scale());
        this.add = new MachineCode(new VectorCode(width).add());
        this.exponentials = new MachineCode(new VectorCode(width).exponentials());
        this.silu = new MachineCode(new VectorCode(width).silu());
    }

    /// Machine code with AVX-512; empty where the system, the JVM or the processor does not run it.
    ///
    /// @param features of the processor, see [ProcessorFeatures]
    /// @param others take matrices whose columns are no multiple of 64, and those in fp32 and fp16
    public static Optional<RowKernels> avx512(Set<String> features, RowKernels others) {
        return create(
                features.containsAll(Avx512Kernels.FEATURES),
                () ->
                        new Avx512Kernels(
                                features.contains(ProcessorFeatures.FAST_AVX512_BF16)
                                        ? Width.ZMM
                                        : Width.ZMM_FLOATS,
                                others));
    }

    /// Machine code with AVX2, and AVX-VNNI where the processor has it; empty where the system, the JVM or the processor does not run it.
    ///
    /// @param features of the processor, see [ProcessorFeatures]
    /// @param others take matrices whose columns are no multiple of 64, and those in fp32 and fp16
    public static Optional<RowKernels> avx2(Set<String> features, RowKernels others) {
        return create(
                features.containsAll(Avx2Kernels.FEATURES),
                () ->
                        new Avx2Kernels(
                                features.contains(Avx2Kernels.VNNI),
                                features.contains(Avx2Kernels.BMI2),
                                others));
    }

    private static Optional<RowKernels> create(
            boolean hasFeatures, Supplier<MachineKernels> kernels) {
        if (!hasFeatures || !isPossible()) {
            return Optional.empty();
        }
        try {
            return Optional.of(kernels.get());
        } catch (IllegalStateException e) {
            return Optional.empty();
        }
    }

    /// Whether this process can call machine code: on Linux on x86-64, with native access enabled. Elsewhere [MachineCode] cannot even be
    /// loaded.
    private static boolean isPossible() {
        return "Linux".equals(System.getProperty("os.name"))
                && "amd64".equals(System.getProperty("os.arch"))
                && MachineKernels.class.getModule().isNativeAccessEnabled();
    }

    /// Lays out an activation for the functions on rows.
    ///
    /// @param memory has it in fp32, in [MachineScratch#plain]
    /// @return its address
    abstract long prepare(MappedMatrix matrix, MachineScratch memory);

    /// Lays out a query for [AttentionCode].
    ///
    /// @param size of a head
    /// @param memory has it in fp32, in [MachineScratch#plain]
    abstract MemorySegment prepareQuery(int size, MachineScratch memory);

    /// Whether machine code takes it.
    static boolean isOurs(MappedMatrix matrix) {
        return matrix.columns() % Long.SIZE == 0
                && (matrix.type() == ValueType.BF16 || matrix.type().isQuantised());
    }

    static int bits(float value) {
        return Float.floatToRawIntBits(value);
    }

    static MemorySegment part(float[] x, int from, int count) {
        return MemorySegment.ofArray(x)
                .asSlice((long) from * Float.BYTES, (long) count * Float.BYTES);
    }

    /// Copies activations to their places in [Order#INTERLEAVED].
    static void interleave(float[] x, int count, ArrangedBatch batch, int first) {
        int words = batch.width() / Long.SIZE;
        for (int t = 0; t < count; t++) {
            int group = (first + t) / Avx2BlockCode.MOST_VECTORS;
            int place = (first + t) % Avx2BlockCode.MOST_VECTORS;
            for (int word = 0; word < words; word++) {
                MemorySegment.copy(
                        x,
                        t * batch.width() + word * Long.SIZE,
                        batch.offHeap(),
                        JAVA_FLOAT,
                        ((long) group * words + word) * Avx2BlockCode.WORD
                                + (long) place * Avx2BlockCode.PART,
                        Long.SIZE);
            }
        }
    }

    @Override
    public Order order(MappedMatrix matrix, int tokens, int texts) {
        return isOurs(matrix) ? Order.PLAIN : others.order(matrix, tokens, texts);
    }

    @Override
    public void arrange(Order order, float[] x, int from, float[] out, int to, int width) {
        others.arrange(order, x, from, out, to, width);
    }

    @Override
    public void products(
            MappedMatrix matrix, int from, int to, float[] x, float[] y, Scratch scratch) {
        if (!isOurs(matrix) || from == to) {
            others.products(matrix, from, to, x, y, scratch);
            return;
        }
        var memory = (MachineScratch) scratch;
        MachineCode function = rows.of(matrix);
        int words = matrix.columns() / Long.SIZE;
        MemorySegment.copy(x, 0, memory.plain, JAVA_FLOAT, 0, matrix.columns());
        memory.set(Parameter.VECTOR, prepare(matrix, memory));
        memory.set(Parameter.WORDS, words);
        int half = (to - from + 1) / 2;
        memory.setValues(matrix, from, to - half);
        for (int i = 0; i < half; i += RowFrame.MOST_ROWS) {
            int count = Math.min(RowFrame.MOST_ROWS, half - i);
            memory.setRows(matrix, from + i, to - half + i, count);
            function.call(memory.parameters());
            memory.copyProducts(0, from + i, to - half + i, count, y, 0);
        }
    }

    /// In scalar code: it is called for one row of an embedding a token.
    @Override
    public void decode(MappedMatrix matrix, int row, float[] out, int at, Scratch scratch) {
        scalar.decode(matrix, row, out, at, scratch);
    }

    @Override
    public void multiply(
            float[] rows,
            int count,
            int width,
            float[] x,
            int tokens,
            float[] y,
            int first,
            int outputs) {
        others.multiply(rows, count, width, x, tokens, y, first, outputs);
    }

    @Override
    public void dots(float[] query, int from, CachedHead head, float[] scores, Scratch scratch) {
        int size = head.size();
        if (size % Long.SIZE != 0) {
            others.dots(query, from, head, scores, scratch);
            return;
        }
        var memory = (MachineScratch) scratch;
        MemorySegment.copy(query, from, memory.plain, JAVA_FLOAT, 0, size);
        MemorySegment prepared = prepareQuery(size, memory);
        MemorySegment all = part(scores, 0, head.positions() + SPARE_SCORES);
        dots.call(prepared, memory.runs(head), all, (long) size * Short.BYTES, 0);
    }

    @Override
    public void mix(
            float[] weights, float factor, CachedHead head, float[] out, int to, Scratch scratch) {
        int size = head.size();
        if (size % Long.SIZE != 0) {
            others.mix(weights, factor, head, out, to, scratch);
            return;
        }
        MemorySegment all = part(weights, 0, head.positions());
        MemorySegment runs = ((MachineScratch) scratch).runs(head);
        mix.call(all, runs, part(out, to, size), (long) size * Short.BYTES, factor);
    }

    @Override
    public float sumOfSquares(float[] x, int from, int count) {
        MemorySegment some = part(x, from, count);
        return sumOfSquares.call(some, some, some, count, 0);
    }

    @Override
    public void scale(
            float[] x, int from, float factor, float[] weight, float[] y, int to, int count) {
        scale.call(part(x, from, count), part(weight, 0, count), part(y, to, count), count, factor);
    }

    @Override
    public void add(float[] x, float[] sum, int from, int count) {
        MemorySegment sums = part(sum, from, count);
        add.call(part(x, from, count), sums, sums, count, 0);
    }

    @Override
    public float exponentials(float[] x, int count, float shift) {
        MemorySegment some = part(x, 0, count);
        return exponentials.call(some, some, some, count, shift);
    }

    @Override
    public void silu(float[] gate, float[] up, int from, int count) {
        MemorySegment gates = part(gate, from, count);
        silu.call(gates, part(up, from, count), gates, count, 0);
    }
}
