package org.wanda4j.runtime.internal.x86;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.ArrangedBatch;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels.Order;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// Products of a matrix with several activations, by [PanelCode]: bf16 in fp32, or in bf16 where the processor is fast at that; int8 and
/// int4 as whole numbers.
final class PanelKernels {

    /// Rows that are unpacked together stay in the second cache while they are multiplied with all activations; those of few
    /// activations in the first.
    private static final int MANY_BYTES = 192 << 10;

    private static final int FEW_BYTES = 32 << 10;

    /// In panels.
    private static final int FEW = 2;

    private static final int MOST_ROWS = 128;
    private static final int EIGHT_ROWS = 8;

    /// Where the rows are in [MachineScratch#block], behind the parameters, and products that lie elsewhere than the matrix's.
    private static final long PRODUCTS_AT = PanelCode.PARAMETERS;

    private static final long ROWS_AT =
            PRODUCTS_AT + (long) PanelCode.MOST_VECTORS * MOST_ROWS * Float.BYTES;

    /// Functions of a layout.
    private record Functions(
            PanelLayout layout, RowFunctions unpack, LateCode arrange, List<LateCode> multiply) {

        /// @param unpack writes rows of the layout
        static Functions of(PanelLayout layout, RowFunctions unpack, boolean vnni) {
            return new Functions(
                    layout,
                    unpack,
                    new LateCode(layout::arrange),
                    IntStream.rangeClosed(1, layout.mostPanels())
                            .mapToObj(panels ->
                                    new LateCode(() -> PanelCode.multiply(layout, vnni, panels)))
                            .toList());
        }
    }

    private final Functions values;

    /// By the number of vectors in a panel, the largest last; rows are the same for all.
    private final List<Functions> quantised;

    private PanelKernels(PanelLayout values, List<PanelLayout> quantised, boolean vnni) {
        this.values = Functions.of(values, unpack(values), vnni);
        RowFunctions unpack = unpack(quantised.getLast());
        this.quantised = quantised.stream().map(each -> Functions.of(each, unpack, vnni)).toList();
    }

    private static RowFunctions unpack(PanelLayout layout) {
        return new RowFunctions(
                density -> layout.unpack(ValueType.BF16, density),
                density -> layout.unpack(ValueType.INT8, density),
                density -> layout.unpack(ValueType.INT4, density));
    }

    /// @param vnni whether the processor has AVX-VNNI
    static PanelKernels avx2(boolean vnni) {
        return new PanelKernels(PanelLayout.FLOATS, List.of(PanelLayout.INTEGERS), vnni);
    }

    /// @param width of AVX-512
    static PanelKernels avx512(Width width) {
        return new PanelKernels(
                width.hasPairs() ? PanelLayout.PAIRS : PanelLayout.WIDE_FLOATS,
                List.of(PanelLayout.SPLIT_EIGHTS, PanelLayout.SPLIT),
                true);
    }

    /// What is needed of [MachineScratch#block].
    ///
    /// @param widest columns of the widest matrix, rounded up to whole words
    static long bytes(int widest) {
        return ROWS_AT + Math.max(MANY_BYTES, PanelLayout.FLOATS.eightRowsBytes(widest));
    }

    /// The order in which [#block] takes so many activations.
    Order order(MappedMatrix matrix, int tokens) {
        return functions(matrix, tokens).layout.order();
    }

    private Functions functions(MappedMatrix matrix, int tokens) {
        if (!matrix.type().isQuantised()) {
            return values;
        }
        return quantised.stream()
                .filter(each -> each.layout.vectors() >= tokens)
                .findFirst()
                .orElse(quantised.getLast());
    }

    private Functions functions(Order order) {
        return quantised.stream()
                .filter(each -> each.layout.order() == order)
                .findFirst()
                .orElse(values);
    }

    /// Writes activations to their panels.
    ///
    /// @param x room for [RowKernels#PANEL] activations, of which `count` are written; what lies behind them is overwritten
    void arrange(Order order, float[] x, int count, ArrangedBatch batch, int first) {
        Functions some = functions(order);
        PanelLayout layout = some.layout;
        int width = batch.width();
        int whole = Math.ceilDiv(count, layout.vectors()) * layout.vectors();
        Arrays.fill(x, count * width, whole * width, 0);
        for (int t = 0; t < whole; t += layout.arranged()) {
            int vector = first + t;
            long panel = vector / layout.vectors() * layout.panelBytes(width);
            long place = vector % layout.vectors() * (long) Float.BYTES;
            MemorySegment to = batch.offHeap().asSlice(panel + place);
            some.arrange
                    .code()
                    .call(
                            MachineKernels.part(x, t * width, layout.arranged() * width),
                            to,
                            to,
                            width / layout.columns(),
                            0);
        }
    }

    /// Unpacks some rows, and multiplies them with all activations.
    void block(
            MappedMatrix matrix,
            int from,
            int to,
            ArrangedBatch x,
            int tokens,
            float[] y,
            int outputs,
            MachineScratch memory) {
        Functions some = functions(matrix, tokens);
        PanelLayout layout = some.layout;
        int vectors = layout.vectors();
        int panels = Math.ceilDiv(tokens, vectors);
        long rowBytes = layout.rowBytes(matrix.columns());
        long eightRowsBytes = layout.eightRowsBytes(matrix.columns());
        long panelBytes = layout.panelBytes(x.width());
        int cached = panels > FEW ? MANY_BYTES : FEW_BYTES;
        int most = Math.clamp(cached / eightRowsBytes * EIGHT_ROWS, EIGHT_ROWS, MOST_ROWS);
        MemorySegment block = memory.block;
        block.set(JAVA_LONG, PanelCode.ROW_BYTES, rowBytes);
        block.set(JAVA_LONG, PanelCode.PANEL_BYTES, panelBytes);
        block.set(JAVA_LONG, PanelCode.STEPS, matrix.columns() / layout.columns());
        for (int i = from; i < to; i += most) {
            int rows = Math.min(most, to - i);
            unpack(some, matrix, i, rows, rowBytes, memory);
            long next = matrix.rowValues(Math.min(i + rows, matrix.rows() - 1));
            block.set(JAVA_LONG, PanelCode.AHEAD, next);
            for (int p = 0; p < panels; ) {
                int count = count(panels - p, layout.mostPanels());
                int group = PanelCode.rows(layout, count);
                int ahead = p == 0 ? PanelCode.aheadBytes(layout, count) : 0;
                block.set(JAVA_LONG, PanelCode.PANELS, x.offHeap().address() + p * panelBytes);
                block.set(JAVA_LONG, PanelCode.AHEAD_BYTES, ahead);
                multiply(
                        some.multiply.get(count - 1).code(),
                        group,
                        group == EIGHT_ROWS ? eightRowsBytes : group * rowBytes,
                        rows,
                        Math.min(count * vectors, tokens - p * vectors),
                        count * vectors,
                        y,
                        p * vectors * outputs + i,
                        outputs,
                        block);
                p += count;
            }
        }
    }

    /// How many panels to multiply at once of those that are left: two and two rather than three and one, which needs more loads.
    private static int count(int left, int most) {
        return left == most + 1 ? Math.ceilDiv(left, 2) : Math.min(left, most);
    }

    private static void unpack(
            Functions some,
            MappedMatrix matrix,
            int first,
            int rows,
            long rowBytes,
            MachineScratch memory) {
        int half = some.layout.isSplit() ? rows : Math.ceilDiv(rows, 2);
        int b = rows - half;
        long tile = memory.block.address() + ROWS_AT;
        memory.set(Parameter.VECTOR, tile);
        memory.set(Parameter.UNPACKED_B, tile + b * rowBytes);
        memory.set(Parameter.WORDS, matrix.columns() / Long.SIZE);
        memory.setRows(matrix, first, first + b, half);
        memory.setValues(matrix, first, first + b);
        some.unpack.of(matrix).call(memory.parameters());
    }

    /// Multiplies the rows that are unpacked with some panels.
    ///
    /// @param group rows that `function` multiplies together
    /// @param groupBytes from the first of such rows to the first of the next
    /// @param tokens in the panels
    /// @param vectors of the panels
    /// @param at index of the first product
    private static void multiply(
            MachineCode function,
            int group,
            long groupBytes,
            int rows,
            int tokens,
            int vectors,
            float[] y,
            int at,
            int outputs,
            MemorySegment block) {
        long address = block.address() + ROWS_AT;
        int whole = tokens == vectors ? rows / group : 0;
        if (whole > 0) {
            int products = (tokens - 1) * outputs + whole * group;
            call(function, block, address, whole, outputs, MachineKernels.part(y, at, products));
        }
        int done = whole * group;
        if (done < rows) {
            // The rest is of vectors and rows that are not there.
            int pitch = MOST_ROWS;
            MemorySegment products = block.asSlice(PRODUCTS_AT, ROWS_AT - PRODUCTS_AT);
            call(
                    function,
                    block,
                    address + whole * groupBytes,
                    Math.ceilDiv(rows - done, group),
                    pitch,
                    products);
            for (int t = 0; t < tokens; t++) {
                MemorySegment.copy(
                        products,
                        JAVA_FLOAT,
                        (long) t * pitch * Float.BYTES,
                        y,
                        at + t * outputs + done,
                        rows - done);
            }
        }
    }

    private static void call(
            MachineCode function,
            MemorySegment block,
            long rows,
            int groups,
            int pitch,
            MemorySegment products) {
        block.set(JAVA_LONG, PanelCode.ROWS, rows);
        block.set(JAVA_LONG, PanelCode.GROUPS, groups);
        block.set(JAVA_LONG, PanelCode.PITCH, (long) pitch * Float.BYTES);
        function.call(block, products, block, 0, 0);
    }
}
