package org.wanda4j.runtime.internal.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.ArrangedBatch;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;

/// [MachineKernels] for AVX2.
///
/// An activation is multiplied with bf16 in fp32. One that is alone is multiplied with integers as whole numbers of 15 bits with a
/// factor for each 32, to within `2^-15` of the largest of those; up to four in fp32; up to 16 of several texts, with int4 and where AVX-VNNI is there with int8, as
/// whole numbers of 8 bits, to within `1.01 * 2^-8`; all others as whole numbers of 16 bits, to within `1.01 * 2^-16`.
final class Avx2Kernels extends MachineKernels {

    /// Features that the processor must have, as Linux names them.
    static final Set<String> FEATURES = Set.of("avx2", "f16c", "fma", "popcnt");

    /// What makes one instruction of two where it is there.
    static final String VNNI = "avx_vnni";

    /// What takes a bitmask apart.
    static final String BMI2 = "bmi2";

    /// So many wait longer for all bytes of a dense matrix than it takes them to place those of a sparse one.
    private static final int MANY_THREADS = 16;

    /// So many activations are multiplied by fours; more take less time in panels.
    private static final int MOST_FLOATS = 12;

    private static final int MOST_INTEGERS = 4;

    private final RowKernels others;
    private final boolean vnni;

    private final MachineCode halves = new MachineCode(Avx2Activations.halves());
    private final MachineCode pairs = new MachineCode(Avx2Activations.pairs());
    private final MachineCode fours = new MachineCode(Avx2Activations.fours());
    private final PanelKernels panels;

    /// Functions for several activations, by their number.
    private final Map<Integer, RowFunctions> several = new HashMap<>();

    /// @param vnni whether the processor has AVX-VNNI
    /// @param bmi2 whether it has BMI2
    /// @throws IllegalStateException where the system lets no memory become code
    Avx2Kernels(boolean vnni, boolean bmi2, RowKernels others) {
        super(
                others,
                new RowFunctions((type, density) -> Avx2RowCode.rows(type, vnni, bmi2, density)),
                Width.YMM);
        this.others = others;
        this.vnni = vnni;
        this.panels = PanelKernels.avx2(vnni);
        for (int i = 1; i <= Avx2BlockCode.MOST_VECTORS; i++) {
            int vectors = i;
            several.put(
                    vectors,
                    new RowFunctions(
                            (type, density) -> Avx2BlockCode.multiply(type, density, vectors)));
        }
    }

    @Override
    public Scratch newScratch(int widest, Arena memory) {
        return new MachineScratch(
                widest, PanelKernels.bytes(Scratch.words(widest) * Long.SIZE), memory);
    }

    /// To put bytes where they belong takes twice as long as to multiply all of them, which pays where many threads wait for memory
    /// (docs/sparse-on-cpu.md has the figures). Halves of bytes take five times as long.
    @Override
    public Optional<ValueType> denseType(MappedMatrix matrix, int threads) {
        if (!isOurs(matrix)) {
            return others.denseType(matrix, threads);
        }
        boolean dense =
                matrix.isSparse()
                        && matrix.type().isQuantised()
                        && (matrix.type().isHalves() || threads < MANY_THREADS);
        return dense ? Optional.of(matrix.type()) : Optional.empty();
    }

    @Override
    public Order order(MappedMatrix matrix, int tokens, int texts) {
        if (tokens == 1 || !isOurs(matrix)) {
            return super.order(matrix, tokens, texts);
        }
        int most = matrix.type().isQuantised() ? MOST_INTEGERS : MOST_FLOATS;
        return tokens > most ? panels.order(matrix, tokens, texts) : Order.INTERLEAVED;
    }

    @Override
    public void arrange(Order order, float[] x, int count, ArrangedBatch batch, int first) {
        if (order == Order.INTERLEAVED) {
            interleave(x, count, batch, first);
        } else if (order.isOffHeap()) {
            panels.arrange(order, x, count, batch, first);
        } else {
            super.arrange(order, x, count, batch, first);
        }
    }

    @Override
    long prepare(MappedMatrix matrix, MachineScratch memory) {
        if (!matrix.type().isQuantised()) {
            return memory.plain.address();
        }
        MachineCode quantise =
                matrix.isSparse() ? halves : matrix.type().isHalves() ? fours : pairs;
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

    @Override
    public void block(
            MappedMatrix matrix,
            int from,
            int to,
            ArrangedBatch x,
            int tokens,
            float[] y,
            int outputs,
            Scratch scratch) {
        Order order = x.order();
        if (order == Order.INTERLEAVED) {
            long bytes = (long) x.width() / Long.SIZE * Avx2BlockCode.WORD;
            long address = x.offHeap().address();
            new BlockKernels(
                            Avx2BlockCode.MOST_VECTORS, bytes, some -> several.get(some).of(matrix))
                    .multiply(
                            matrix,
                            from,
                            to,
                            address,
                            tokens,
                            y,
                            0,
                            outputs,
                            (MachineScratch) scratch);
        } else if (order.isOffHeap()) {
            panels.block(matrix, from, to, x, tokens, y, outputs, (MachineScratch) scratch);
        } else {
            others.block(matrix, from, to, x, tokens, y, outputs, scratch);
        }
    }

    @Override
    public String description() {
        return "machine code with AVX2 and FMA%s; for what it does not take, %s"
                .formatted(vnni ? " and AVX-VNNI" : "", others.description());
    }
}
