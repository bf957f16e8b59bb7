package org.wanda4j.runtime.internal.x86;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.CachedHead;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.ScalarKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// Kernels in machine code that Java has written: for instructions that the Vector API does not reach, sums of products of
/// bf16 (AVX-512 BF16) or of whole numbers of 16 bits (AVX-512 VNNI), and to ask memory for what comes next.
///
/// An activation is multiplied with bf16 as two bf16 that add up to each of its values, to within `2^-17` of it. One that is
/// alone is multiplied with integers as whole numbers of 15 bits with a factor for each 32, to within `1.01 * 2^-15` of the largest of those.
public final class MachineKernels implements RowKernels {

    /// What a processor must have, as Linux names it.
    private static final Set<String> FEATURES =
            Set.of("avx512bw", "avx512_vbmi2", "avx512_vnni", "avx512_bf16", "bmi2", "popcnt");

    /// Where so few values are there, hardly any 64 places have more than 32.
    private static final double THIN = 0.375;

    /// Words of rows that stay in the cache while they are multiplied with one group of activations after the other.
    private static final int CHUNK = 1024;

    private final RowKernels others;

    private final ScalarKernels scalar = new ScalarKernels("rows of an embedding");
    private final MachineCode split = new MachineCode(RowCode.split());
    private final MachineCode quantise = new MachineCode(RowCode.quantise());
    private final MachineCode spread = new MachineCode(BlockCode.spread());
    private final MachineCode dots = new MachineCode(AttentionCode.dots());
    private final MachineCode mix = new MachineCode(AttentionCode.mix());
    private final MachineCode sumOfSquares = new MachineCode(VectorCode.sumOfSquares());
    private final MachineCode scale = new MachineCode(VectorCode.scale());
    private final MachineCode add = new MachineCode(VectorCode.add());
    private final MachineCode exponentials = new MachineCode(VectorCode.exponentials());
    private final MachineCode silu = new MachineCode(VectorCode.silu());
    private final CodeTable rows = new CodeTable(RowCode::bf16, RowCode::int8, RowCode::int4);
    private final BlockFunctions few = BlockFunctions.of(BlockCode.MOST_VECTORS / 2);
    private final BlockFunctions many = BlockFunctions.of(BlockCode.MOST_VECTORS);

    /// Writes the code of a function.
    private interface Writer {
        byte[] write(Density density);
    }

    /// A function for each type and density.
    private static final class CodeTable {

        private final Map<ValueType, Map<Density, LazyCode>> functions =
                new EnumMap<>(ValueType.class);

        CodeTable(Writer bf16, Writer int8, Writer int4) {
            put(ValueType.BF16, bf16);
            put(ValueType.INT8, int8);
            put(ValueType.INT4, int4);
        }

        private void put(ValueType type, Writer writer) {
            Map<Density, LazyCode> some = new EnumMap<>(Density.class);
            for (Density density : Density.values()) {
                some.put(density, new LazyCode(() -> writer.write(density)));
            }
            functions.put(type, some);
        }

        MachineCode of(MappedMatrix matrix) {
            Density density =
                    !matrix.isSparse()
                            ? Density.DENSE
                            : matrix.share() > THIN ? Density.SPARSE : Density.THIN;
            return functions.get(matrix.type()).get(density).code();
        }
    }

    /// A function that is made when it is first asked for.
    private static final class LazyCode {

        private final Supplier<byte[]> writer;
        private volatile MachineCode made;

        LazyCode(Supplier<byte[]> writer) {
            this.writer = writer;
        }

        MachineCode code() {
            MachineCode known = made;
            return known == null ? make() : known;
        }

        private synchronized MachineCode make() {
            if (made == null) {
                made = new MachineCode(writer.get());
            }
            return made;
        }
    }

    /// CodeTable for several activations.
    private record BlockFunctions(BlockCode code, CodeTable functions) {

        static BlockFunctions of(int vectors) {
            var code = new BlockCode(vectors);
            return new BlockFunctions(code, new CodeTable(code::bf16, code::int8, code::int4));
        }
    }

    /// @throws IllegalStateException where the system lets no memory become code
    private MachineKernels(RowKernels others) {
        this.others = others;
    }

    /// Machine code for this process; empty where the system, the JVM or the processor does not run it.
    ///
    /// @param features of the processor, as Linux names them
    /// @param others take matrices whose columns are no multiple of 64, and those in fp32 and fp16
    public static Optional<RowKernels> create(Set<String> features, RowKernels others) {
        if (!MachineCode.isPossible() || !features.containsAll(FEATURES)) {
            return Optional.empty();
        }
        try {
            return Optional.of(new MachineKernels(others));
        } catch (IllegalStateException e) {
            return Optional.empty();
        }
    }

    @Override
    public Scratch newScratch(int widest, Arena memory) {
        return new MachineScratch(widest, memory);
    }

    private static boolean isOurs(MappedMatrix matrix) {
        return matrix.columns() % Long.SIZE == 0
                && (matrix.type() == ValueType.BF16 || matrix.type().isQuantised());
    }

    @Override
    public Order order(MappedMatrix matrix) {
        return isOurs(matrix) ? Order.PLAIN : others.order(matrix);
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
        prepare(matrix, x, memory);
        memory.set(Parameter.VECTOR, memory.prepared.address());
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

    private void prepare(MappedMatrix matrix, float[] x, MachineScratch memory) {
        int words = matrix.columns() / Long.SIZE;
        MemorySegment.copy(x, 0, memory.plain, JAVA_FLOAT, 0, matrix.columns());
        long from = memory.plain.address();
        long to = memory.prepared.address();
        switch (matrix.type()) {
            case INT8 -> quantise.call(from, to, words, bits(RowCode.INT8_UNIT), 0);
            case INT4 -> quantise.call(from, to, words, bits(RowCode.INT4_UNIT), 0);
            default -> split.call(from, to, words, RowCode.SPLIT_WORD, 0);
        }
    }

    private static int bits(float value) {
        return Float.floatToRawIntBits(value);
    }

    @Override
    public void block(
            MappedMatrix matrix,
            int from,
            int to,
            float[] x,
            int width,
            int tokens,
            float[] y,
            int outputs,
            Scratch scratch) {
        if (!isOurs(matrix) || from == to) {
            others.block(matrix, from, to, x, width, tokens, y, outputs, scratch);
            return;
        }
        var memory = (MachineScratch) scratch;
        BlockFunctions block = tokens <= few.code.vectors() ? few : many;
        memory.set(Parameter.WORDS, matrix.columns() / Long.SIZE);
        for (int t = 0; t < tokens; t += MachineScratch.ACTIVATIONS) {
            int count = Math.min(MachineScratch.ACTIVATIONS, tokens - t);
            interleave(matrix, x, t * width, width, count, block.code, memory);
            multiply(matrix, from, to, count, block, y, t * outputs, outputs, memory);
        }
    }

    /// Lays activations as [BlockCode] wants them.
    ///
    /// @param at index of the first one's first value
    private void interleave(
            MappedMatrix matrix,
            float[] x,
            int at,
            int width,
            int count,
            BlockCode code,
            MachineScratch memory) {
        int words = matrix.columns() / Long.SIZE;
        MachineCode copy = matrix.type() == ValueType.BF16 ? split : spread;
        for (int t = 0; t < count; t++) {
            long group = memory.interleaved.address() + t / code.vectors() * code.bytes(words);
            long place = group + (long) (t % code.vectors()) * BlockCode.PART;
            MemorySegment.copy(x, at + t * width, memory.plain, JAVA_FLOAT, 0, matrix.columns());
            copy.call(memory.plain.address(), place, words, code.wordBytes(), 0);
        }
    }

    /// Multiplies rows with the activations that were laid together.
    ///
    /// @param at index of the product of row 0 with the first of them
    private static void multiply(
            MappedMatrix matrix,
            int from,
            int to,
            int count,
            BlockFunctions block,
            float[] y,
            int at,
            int outputs,
            MachineScratch memory) {
        MachineCode function = block.functions.of(matrix);
        int words = matrix.columns() / Long.SIZE;
        int vectors = block.code.vectors();
        int half = (to - from + 1) / 2;
        int most = Math.clamp(CHUNK / words, 1, RowFrame.MOST_ROWS);
        for (int i = 0; i < half; i += most) {
            int a = from + i;
            int b = to - half + i;
            int rows = Math.min(most, half - i);
            memory.setRows(matrix, a, b, rows);
            for (int t = 0; t < count; t += vectors) {
                memory.setValues(matrix, a, b);
                long group = t / vectors * block.code.bytes(words);
                memory.set(Parameter.VECTOR, memory.interleaved.address() + group);
                function.call(memory.parameters());
                for (int k = 0; k < Math.min(vectors, count - t); k++) {
                    memory.copyProducts(k, a, b, rows, y, at + (t + k) * outputs);
                }
            }
        }
    }

    /// A row of an embedding for each token is not worth more.
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
        long prepared = memory.prepared.address();
        split.call(memory.plain.address(), prepared, size / Long.SIZE, RowCode.SPLIT_WORD, 0);
        MemorySegment all = part(scores, 0, head.positions() + SPARE_SCORES);
        dots.call(memory.prepared, memory.runs(head), all, (long) size * Short.BYTES, 0);
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

    private static MemorySegment part(float[] x, int from, int count) {
        return MemorySegment.ofArray(x)
                .asSlice((long) from * Float.BYTES, (long) count * Float.BYTES);
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

    @Override
    public String description() {
        return "machine code with AVX-512 VNNI and BF16; for what it does not take, "
                + others.description();
    }
}
