package org.wanda4j.runtime.internal.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.ArrangedBatch;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;

/// [MachineKernels] for AVX-512: sums of products of whole numbers of 16 and 8 bits (VNNI), and of bf16 (BF16) where the processor is fast at them.
///
/// Such a processor multiplies up to four activations with bf16, and up to 16 of one text, as two bf16 that add up to each of their values, to within `2^-17` of it, more
/// as one bf16, to within `2^-8`; any other multiplies them in fp32. One that is alone is multiplied with integers as whole numbers of 15 bits with a
/// factor for each 32, to within `1.01 * 2^-15` of the largest of those; up to four in fp32; up to 16 of several texts as whole numbers of 8 bits, to within
/// `1.01 * 2^-8`; all others as whole numbers of 16 bits in two bytes, to within `1.01 * 2^-16`.
final class Avx512Kernels extends MachineKernels {

    /// Features that the processor must have, as Linux names them.
    static final Set<String> FEATURES =
            Set.of("avx512bw", "avx512vl", "avx512_vbmi2", "avx512_vnni", "bmi2", "popcnt");

    /// So many activations are multiplied by groups; more take less time in panels, for rows are unpacked once for all of them.
    private static final int MOST_BF16 = 16;

    private static final int MOST_INTEGERS = 4;

    private final RowKernels others;
    private final PanelKernels panels;
    private final Width width;

    /// For rows in bf16.
    private final MachineCode split;

    /// For quantised rows with scales in bf16, and with those in fp16.
    private final LateCode quantise;

    private final LateCode quantiseForHalves = new LateCode(() -> RowCode.quantise(false));
    private final BlockFunctions few;
    private final BlockFunctions many;

    /// Functions for several activations, with `copy` for those for rows in bf16.
    private record BlockFunctions(BlockCode code, LateCode copy, RowFunctions functions) {

        static BlockFunctions of(int vectors, Width width) {
            var code = new BlockCode(vectors, width);
            return new BlockFunctions(code, new LateCode(code::copy), new RowFunctions(code::rows));
        }
    }

    /// @throws IllegalStateException where the system lets no memory become code
    Avx512Kernels(Width width, RowKernels others) {
        super(
                others,
                new RowFunctions((type, density) -> RowCode.rows(type, width, density)),
                width);
        this.others = others;
        this.width = width;
        this.panels = PanelKernels.avx512(width);
        this.split = new MachineCode(RowCode.split(width, RowCode.SPLIT_WORD));
        this.quantise = new LateCode(() -> RowCode.quantise(width.hasPairs()));
        this.few = BlockFunctions.of(BlockCode.MOST_VECTORS / 2, width);
        this.many = BlockFunctions.of(BlockCode.MOST_VECTORS, width);
    }

    @Override
    public Scratch newScratch(int widest, Arena memory) {
        return new MachineScratch(
                widest, PanelKernels.bytes(Scratch.words(widest) * Long.SIZE), memory);
    }

    @Override
    public Optional<ValueType> denseType(MappedMatrix matrix, int threads) {
        return isOurs(matrix) ? Optional.empty() : others.denseType(matrix, threads);
    }

    @Override
    public Order order(MappedMatrix matrix, int tokens, int texts) {
        if (tokens == 1 || !isOurs(matrix)) {
            return super.order(matrix, tokens, texts);
        }
        boolean integers = matrix.type().isQuantised();
        if (tokens > (integers ? MOST_INTEGERS : MOST_BF16)) {
            return panels.order(matrix, tokens, texts);
        }
        if (integers) {
            return Order.INTERLEAVED;
        }
        boolean together = tokens > few.code.vectors() && (texts > 1 || !width.hasPairs());
        return together ? Order.BF16_EIGHTS : Order.BF16_FOURS;
    }

    @Override
    public void arrange(Order order, float[] x, int count, ArrangedBatch batch, int first) {
        switch (order) {
            case INTERLEAVED -> interleave(x, count, batch, first);
            case BF16_FOURS -> copy(few, x, count, batch, first);
            case BF16_EIGHTS -> copy(many, x, count, batch, first);
            case PANELS, BF16_PANELS, QUANTISED_PANELS, QUANTISED_EIGHTS ->
                    panels.arrange(order, x, count, batch, first);
            default -> super.arrange(order, x, count, batch, first);
        }
    }

    /// Interleaves activations for rows in bf16.
    private static void copy(
            BlockFunctions block, float[] x, int count, ArrangedBatch batch, int first) {
        int width = batch.width();
        int words = width / Long.SIZE;
        for (int t = 0; t < count; t++) {
            int group = (first + t) / block.code.vectors();
            int place = (first + t) % block.code.vectors();
            MemorySegment to =
                    batch.offHeap()
                            .asSlice(
                                    group * block.code.bytes(words)
                                            + (long) place * block.code.partBytes());
            block.copy.code().call(MachineKernels.part(x, t * width, width), to, to, words, 0);
        }
    }

    @Override
    long prepare(MappedMatrix matrix, MachineScratch memory) {
        int words = matrix.columns() / Long.SIZE;
        long from = memory.plain.address();
        long to = memory.prepared.address();
        ValueType type = matrix.type();
        if (type.isQuantised()) {
            LateCode code = type.scales() == DType.F16 ? quantiseForHalves : quantise;
            float unit = type.isHalves() ? RowCode.INT4_UNIT : RowCode.INT8_UNIT;
            code.code().call(from, to, words, bits(unit), 0);
        } else {
            split.call(from, to, 0, words, 0);
        }
        return to;
    }

    @Override
    MemorySegment prepareQuery(int size, MachineScratch memory) {
        if (!width.hasPairs()) {
            return memory.plain;
        }
        split.call(memory.plain.address(), memory.prepared.address(), 0, size / Long.SIZE, 0);
        return memory.prepared;
    }

    @Override
    public void block(
            MappedMatrix matrix,
            int from,
            int to,
            ArrangedBatch batch,
            int tokens,
            float[] y,
            int outputs,
            Scratch scratch) {
        var memory = (MachineScratch) scratch;
        Order order = batch.order();
        switch (order) {
            case INTERLEAVED, BF16_FOURS, BF16_EIGHTS -> {
                BlockFunctions block = order == Order.BF16_EIGHTS ? many : few;
                MachineCode function = block.functions.of(matrix);
                long bytes = block.code.bytes(matrix.columns() / Long.SIZE);
                long address = batch.offHeap().address();
                new BlockKernels(block.code.vectors(), bytes, _ -> function)
                        .multiply(matrix, from, to, address, tokens, y, 0, outputs, memory);
            }
            case PANELS, BF16_PANELS, QUANTISED_PANELS, QUANTISED_EIGHTS ->
                    panels.block(matrix, from, to, batch, tokens, y, outputs, memory);
            default -> others.block(matrix, from, to, batch, tokens, y, outputs, scratch);
        }
    }

    @Override
    public String description() {
        return "machine code with AVX-512 VNNI%s; for what it does not take, %s"
                .formatted(width.hasPairs() ? " and BF16" : "", others.description());
    }
}
