package org.wanda4j.runtime.internal.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.ArrangedBatch;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;

/// [MachineKernels] for AVX-512: sums of products of whole numbers of 16 and 8 bits (VNNI), and of bf16 (BF16) where the processor is fast at them.
///
/// Such a processor multiplies an activation with bf16 as two bf16 that add up to each of its values, to within `2^-17` of it, one of
/// many as one bf16, to within `2^-8`; any other in fp32. One that is alone is multiplied with integers as whole numbers of 15 bits with a
/// factor for each 32, to within `1.01 * 2^-15` of the largest of those; one of up to four in fp32; one of more as whole numbers of 16 bits in two bytes, to
/// within `1.01 * 2^-16`.
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

    private final MachineCode quantise;
    private final BlockFunctions few;
    private final BlockFunctions many;

    /// Functions for several activations, with `split` to copy those for rows in bf16.
    private record BlockFunctions(BlockCode code, LateCode split, RowFunctions functions) {

        static BlockFunctions of(int vectors, Width width) {
            var code = new BlockCode(vectors);
            return new BlockFunctions(
                    code,
                    new LateCode(() -> code.split(width)),
                    new RowFunctions(density -> code.bf16(width, density), code::int8, code::int4));
        }
    }

    /// @throws IllegalStateException where the system lets no memory become code
    Avx512Kernels(Width width, RowKernels others) {
        super(
                others,
                new RowFunctions(
                        density -> RowCode.bf16(width, density),
                        density -> RowCode.int8(width, density),
                        density -> RowCode.int4(width, density)),
                width);
        this.others = others;
        this.width = width;
        this.panels = PanelKernels.avx512(width);
        this.split = new MachineCode(RowCode.split(width, RowCode.SPLIT_WORD));
        this.quantise = new MachineCode(RowCode.quantise(width));
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
    public Order order(MappedMatrix matrix, int tokens) {
        if (tokens == 1 || !isOurs(matrix)) {
            return super.order(matrix, tokens);
        }
        boolean integers = matrix.type().isQuantised();
        if (tokens > (integers ? MOST_INTEGERS : MOST_BF16)) {
            return panels.order(matrix, tokens);
        }
        if (integers) {
            return Order.INTERLEAVED;
        }
        return tokens > few.code.vectors() ? Order.BF16_EIGHTS : Order.BF16_FOURS;
    }

    @Override
    public void arrange(Order order, float[] x, int count, ArrangedBatch batch, int first) {
        switch (order) {
            case INTERLEAVED -> interleave(x, count, batch, first);
            case BF16_FOURS -> split(few, x, count, batch, first);
            case BF16_EIGHTS -> split(many, x, count, batch, first);
            case PANELS, BF16_PANELS, QUANTISED_PANELS, QUANTISED_EIGHTS ->
                    panels.arrange(order, x, count, batch, first);
            default -> super.arrange(order, x, count, batch, first);
        }
    }

    /// Interleaves activations for rows in bf16.
    private static void split(
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
                                            + (long) place * BlockCode.PART);
            block.split.code().call(MachineKernels.part(x, t * width, width), to, to, words, 0);
        }
    }

    @Override
    long prepare(MappedMatrix matrix, MachineScratch memory) {
        int words = matrix.columns() / Long.SIZE;
        long from = memory.plain.address();
        long to = memory.prepared.address();
        switch (matrix.type()) {
            case INT8 -> quantise.call(from, to, words, bits(RowCode.INT8_UNIT), 0);
            case INT4 -> quantise.call(from, to, words, bits(RowCode.INT4_UNIT), 0);
            default -> split.call(from, to, 0, words, 0);
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
        Order order = order(matrix, tokens);
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
