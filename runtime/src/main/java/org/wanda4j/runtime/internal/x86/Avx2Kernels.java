package org.wanda4j.runtime.internal.x86;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;
import org.wanda4j.runtime.internal.x86.AttentionCode.Width;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// [MachineKernels] for AVX2.
///
/// An activation is multiplied with bf16 in fp32. One that is alone is multiplied with integers as whole numbers of 15 bits with a
/// factor for each 32, to within `2^-15` of the largest of those.
final class Avx2Kernels extends MachineKernels {

    /// Features that the processor must have, as Linux names them.
    static final Set<String> FEATURES = Set.of("avx2", "fma", "popcnt");

    /// What makes one instruction of two where it is there.
    static final String VNNI = "avx_vnni";

    /// Activations of so many bytes stay in the second cache while rows are multiplied with them.
    private static final int CACHED_BYTES = 256 << 10;

    /// So many ask for more bytes of a dense matrix than memory delivers while they could have placed the fewer of a sparse one.
    private static final int MANY_THREADS = 4;

    private final RowKernels others;
    private final boolean vnni;

    private final MachineCode halves = new MachineCode(Avx2Activations.halves());
    private final MachineCode pairs = new MachineCode(Avx2Activations.pairs());
    private final MachineCode fours = new MachineCode(Avx2Activations.fours());
    private final RowFunctions unpack =
            new RowFunctions(
                    density -> Avx2TileCode.unpack(ValueType.BF16, density),
                    density -> Avx2TileCode.unpack(ValueType.INT8, density),
                    density -> Avx2TileCode.unpack(ValueType.INT4, density));

    /// By number of vectors, from one on.
    private final List<MachineCode> multiply = new ArrayList<>();

    /// @param vnni whether the processor has AVX-VNNI
    /// @throws IllegalStateException where the system lets no memory become code
    Avx2Kernels(boolean vnni, RowKernels others) {
        super(
                others,
                new RowFunctions(
                        Avx2RowCode::bf16,
                        density -> Avx2RowCode.int8(vnni, density),
                        density -> Avx2RowCode.int4(vnni, density)),
                Width.YMM);
        this.others = others;
        this.vnni = vnni;
        for (int vectors = 1; vectors <= Avx2TileCode.MOST_VECTORS; vectors++) {
            multiply.add(new MachineCode(Avx2TileCode.multiply(vectors)));
        }
    }

    @Override
    public Scratch newScratch(int widest, Arena memory) {
        long rowBytes = (long) Scratch.words(widest) * Long.SIZE * Float.BYTES;
        return new MachineScratch(widest, tileAt() + Avx2TileCode.ROWS * rowBytes, memory);
    }

    /// To put bytes where they belong takes twice as long as to multiply all of them, which pays only where many threads wait for
    /// memory. Halves of bytes take five times as long.
    @Override
    public Optional<ValueType> denseType(MappedMatrix matrix, int threads) {
        if (!isOurs(matrix)) {
            return others.denseType(matrix, threads);
        }
        boolean dense =
                matrix.isSparse()
                        && (matrix.type() == ValueType.INT4
                                || matrix.type() == ValueType.INT8 && threads < MANY_THREADS);
        return dense ? Optional.of(matrix.type()) : Optional.empty();
    }

    /// Where the rows are in [MachineScratch#block], behind what [Avx2TileCode#multiply] is told.
    private static long tileAt() {
        return RowFrame.LINE;
    }

    @Override
    long prepare(MappedMatrix matrix, MachineScratch memory) {
        if (!matrix.type().isQuantised()) {
            return memory.plain.address();
        }
        MachineCode quantise =
                matrix.isSparse() ? halves : matrix.type() == ValueType.INT8 ? pairs : fours;
        quantise.call(
                memory.plain.address(),
                memory.prepared.address(),
                matrix.columns() / Long.SIZE,
                bits(Avx2RowCode.unit(matrix.type(), matrix.isSparse())),
                0);
        return memory.prepared.address();
    }

    @Override
    MemorySegment prepareQuery(int size, MachineScratch memory) {
        return memory.plain;
    }

    /// Unpacks a few rows, and multiplies them with all activations that stay in the cache.
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
        if (!isOurs(matrix) || to - from < Avx2TileCode.ROWS) {
            others.block(matrix, from, to, x, width, tokens, y, outputs, scratch);
            return;
        }
        var memory = (MachineScratch) scratch;
        MemorySegment tile = memory.block;
        tile.set(JAVA_LONG, Avx2TileCode.ADDRESS, tile.address() + tileAt());
        tile.set(JAVA_LONG, Avx2TileCode.WIDTH, (long) width * Float.BYTES);
        tile.set(JAVA_LONG, Avx2TileCode.PITCH, (long) outputs * Float.BYTES);
        int most = Math.max(1, CACHED_BYTES / (width * Float.BYTES * Avx2TileCode.MOST_VECTORS));
        int together = most * Avx2TileCode.MOST_VECTORS;
        for (int t = 0; t < tokens; t += together) {
            int count = Math.min(together, tokens - t);
            for (int i = from; i < to; i += Avx2TileCode.ROWS) {
                // The last rows may have been multiplied before: there are as many in each tile.
                int first = Math.min(i, to - Avx2TileCode.ROWS);
                unpack(matrix, first, memory);
                multiply(tile, x, t * width, width, count, y, t * outputs + first, outputs);
            }
        }
    }

    private void unpack(MappedMatrix matrix, int first, MachineScratch memory) {
        int half = Avx2TileCode.ROWS / 2;
        memory.set(Parameter.VECTOR, memory.block.address() + tileAt());
        memory.set(Parameter.WORDS, matrix.columns() / Long.SIZE);
        memory.setRows(matrix, first, first + half, half);
        memory.setValues(matrix, first, first + half);
        unpack.of(matrix).call(memory.parameters());
    }

    /// Multiplies the rows of a tile with some activations.
    ///
    /// @param from index of the first activation
    /// @param to index of the first product
    private void multiply(
            MemorySegment tile,
            float[] x,
            int from,
            int width,
            int count,
            float[] y,
            int to,
            int outputs) {
        int done = 0;
        for (int vectors = Avx2TileCode.MOST_VECTORS; vectors > 0; vectors--) {
            int times = (count - done) / vectors;
            if (times > 0) {
                int products = (times * vectors - 1) * outputs + Avx2TileCode.ROWS;
                multiply.get(vectors - 1)
                        .call(
                                tile,
                                part(x, from + done * width, times * vectors * width),
                                part(y, to + done * outputs, products),
                                times,
                                0);
                done += times * vectors;
            }
        }
    }

    @Override
    public float sumOfSquares(float[] x, int from, int count) {
        return others.sumOfSquares(x, from, count);
    }

    @Override
    public void scale(
            float[] x, int from, float factor, float[] weight, float[] y, int to, int count) {
        others.scale(x, from, factor, weight, y, to, count);
    }

    @Override
    public void add(float[] x, float[] sum, int from, int count) {
        others.add(x, sum, from, count);
    }

    @Override
    public float exponentials(float[] x, int count, float shift) {
        return others.exponentials(x, count, shift);
    }

    @Override
    public void silu(float[] gate, float[] up, int from, int count) {
        others.silu(gate, up, from, count);
    }

    @Override
    public String description() {
        return "machine code with AVX2 and FMA%s; for what it does not take, %s"
                .formatted(vnni ? " and AVX-VNNI" : "", others.description());
    }
}
