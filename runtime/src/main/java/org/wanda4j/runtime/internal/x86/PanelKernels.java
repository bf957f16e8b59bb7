package org.wanda4j.runtime.internal.x86;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.wanda4j.runtime.internal.kernels.ArrangedBatch;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels.Order;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// Products of a matrix with several activations, by [PanelCode]: bf16 in fp32, or in bf16 where the processor is fast at that; int8 and
/// int4 as whole numbers, of bytes where there are few activations, but for int8 by AVX2 without AVX-VNNI.
final class PanelKernels {

    /// Rows that are unpacked together stay in the second cache while they are multiplied with all activations.
    private static final int CACHED_BYTES = 192 << 10;

    /// So many activations of several texts are multiplied as bytes where there is a layout for that, others as numbers of 16 bits.
    private static final int MOST_BYTES = 16;

    private static final int MOST_ROWS = 128;
    private static final int EIGHT_ROWS = 8;

    /// Where the rows are in [MachineScratch#block], behind the parameters, and products that lie elsewhere than the matrix's.
    private static final long PRODUCTS_AT = PanelCode.PARAMETERS;

    private static final long ROWS_AT =
            PRODUCTS_AT + (long) PanelCode.MOST_VECTORS * MOST_ROWS * Float.BYTES;

    /// Functions of a layout.
    private record Functions(
            PanelLayout layout, RowFunctions unpack, LateCode arrange, List<LateCode> multiply) {

        static Functions of(PanelLayout layout, boolean vnni) {
            return new Functions(
                    layout,
                    new RowFunctions(layout::unpack),
                    new LateCode(layout::arrange),
                    IntStream.rangeClosed(1, layout.mostPanels())
                            .mapToObj(panels ->
                                    new LateCode(() -> PanelCode.multiply(layout, vnni, panels)))
                            .toList());
        }
    }

    private final Functions values;

    /// For few activations of several texts with whole numbers, and for others.
    private final Functions few;

    private final Functions many;

    private PanelKernels(PanelLayout values, PanelLayout few, PanelLayout many, boolean vnni) {
        this.values = Functions.of(values, vnni);
        this.few = Functions.of(few, vnni);
        this.many = Functions.of(many, vnni);
    }

    /// @param vnni whether the processor has AVX-VNNI
    static PanelKernels avx2(boolean vnni) {
        return new PanelKernels(
                PanelLayout.FLOATS,
                vnni ? PanelLayout.NARROW_BYTES : PanelLayout.NIBBLES,
                PanelLayout.INTEGERS,
                vnni);
    }

    /// @param width of AVX-512
    static PanelKernels avx512(Width width) {
        return new PanelKernels(
                width.hasPairs() ? PanelLayout.PAIRS : PanelLayout.WIDE_FLOATS,
                PanelLayout.BYTES,
                PanelLayout.HALVES,
                true);
    }

    /// What is needed of [MachineScratch#block].
    ///
    /// @param widest columns of the widest matrix, rounded up to whole words
    static long bytes(int widest) {
        return ROWS_AT + Math.max(CACHED_BYTES, EIGHT_ROWS * PanelLayout.FLOATS.rowBytes(widest));
    }

    /// The order in which [#block] takes so many activations.
    ///
    /// @param texts of how many texts they are
    Order order(MappedMatrix matrix, int tokens, int texts) {
        if (!matrix.type().isQuantised()) {
            return values.layout.order();
        }
        boolean bytes = tokens <= MOST_BYTES && texts > 1 && few.layout.takes(matrix.type());
        return (bytes ? few : many).layout.order();
    }

    private Functions functions(Order order) {
        return Stream.of(few, many)
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
        int whole = Math.ceilDiv(count, layout.arranged()) * layout.arranged();
        Arrays.fill(x, count * width, whole * width, 0);
        for (int t = 0; t < whole; t += layout.arranged()) {
            int vector = first + t;
            long panel = vector / layout.vectors() * layout.panelBytes(width);
            long place = (long) vector % layout.vectors() * layout.vectorBytes();
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
        Functions some = functions(x.order());
        PanelLayout layout = some.layout;
        int vectors = layout.vectors();
        int panels = Math.ceilDiv(tokens, vectors);
        long rowBytes = layout.rowBytes(matrix.columns());
        long panelBytes = layout.panelBytes(x.width());
        long fitting = CACHED_BYTES / (EIGHT_ROWS * rowBytes) * EIGHT_ROWS;
        int most = Math.clamp(fitting, EIGHT_ROWS, MOST_ROWS);
        int steps = matrix.columns() / layout.columns();
        MemorySegment block = memory.block;
        block.set(JAVA_LONG, PanelCode.ROW_BYTES, rowBytes);
        block.set(JAVA_LONG, PanelCode.PANEL_BYTES, panelBytes);
        block.set(JAVA_LONG, PanelCode.STEPS, steps);
        for (int i = from; i < to; i += most) {
            int rows = Math.min(most, to - i);
            unpack(some, matrix, i, rows, rowBytes, memory);
            long next = matrix.rowValues(Math.min(i + rows, matrix.rows() - 1));
            block.set(JAVA_LONG, PanelCode.AHEAD, next);
            for (int p = 0; p < panels; ) {
                int count = count(panels - p, layout.mostPanels());
                int ahead = p == 0 ? PanelCode.aheadBytes(layout, count) : 0;
                block.set(JAVA_LONG, PanelCode.PANELS, x.offHeap().address() + p * panelBytes);
                block.set(JAVA_LONG, PanelCode.AHEAD_BYTES, ahead);
                multiply(
                        some.multiply.get(count - 1).code(),
                        RowGroup.of(layout, count, rows, rowBytes),
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

    /// Rows that a function multiplies together.
    ///
    /// @param rows whose products follow each other: all of a group, or its rows A
    /// @param bytes from a group to the next
    /// @param all such rows of a block
    /// @param b index of the first row B of a block; 0 where there are no pairs
    private record RowGroup(int rows, long bytes, int all, int b) {

        static RowGroup of(PanelLayout layout, int panels, int rows, long rowBytes) {
            int lines = PanelCode.rows(layout, panels);
            int half = Math.ceilDiv(rows, 2);
            return layout.isOfBytes()
                    ? new RowGroup(BytePanels.PAIRS, lines * rowBytes, half, rows - half)
                    : new RowGroup(lines, lines * rowBytes, rows, 0);
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
        int half = Math.ceilDiv(rows, 2);
        int b = rows - half;
        long tile = memory.block.address() + ROWS_AT;
        memory.set(Parameter.VECTOR, tile);
        memory.set(Parameter.UNPACKED_B, tile + (some.layout.isOfBytes() ? 1 : b) * rowBytes);
        memory.set(Parameter.WORDS, matrix.columns() / Long.SIZE);
        memory.setRows(matrix, first, first + b, half);
        memory.setValues(matrix, first, first + b);
        some.unpack.of(matrix).call(memory.parameters());
    }

    /// Multiplies the rows that are unpacked with some panels.
    ///
    /// @param tokens in the panels
    /// @param vectors of the panels
    /// @param at index of the first product
    private static void multiply(
            MachineCode function,
            RowGroup group,
            int tokens,
            int vectors,
            float[] y,
            int at,
            int outputs,
            MemorySegment block) {
        long address = block.address() + ROWS_AT;
        int whole = tokens == vectors ? group.all / group.rows : 0;
        if (whole > 0) {
            int products = (tokens - 1) * outputs + group.b + whole * group.rows;
            MemorySegment to = MachineKernels.part(y, at, products);
            call(function, block, address, whole, outputs, group.b, to);
        }
        int done = whole * group.rows;
        if (done < group.all) {
            // The rest is of vectors and rows that are not there.
            int pitch = MOST_ROWS;
            int b = group.b > 0 ? MOST_ROWS / 2 : 0;
            int left = group.all - done;
            MemorySegment products = block.asSlice(PRODUCTS_AT, ROWS_AT - PRODUCTS_AT);
            call(
                    function,
                    block,
                    address + whole * group.bytes,
                    Math.ceilDiv(left, group.rows),
                    pitch,
                    b,
                    products);
            for (int t = 0; t < tokens; t++) {
                copy(products, t * pitch, y, at + t * outputs + done, left);
                if (b > 0) {
                    copy(products, t * pitch + b, y, at + t * outputs + group.b + done, left);
                }
            }
        }
    }

    private static void copy(MemorySegment products, int from, float[] y, int to, int count) {
        MemorySegment.copy(products, JAVA_FLOAT, (long) from * Float.BYTES, y, to, count);
    }

    /// @param b index of the product with the first row B; 0 where there are no pairs
    private static void call(
            MachineCode function,
            MemorySegment block,
            long rows,
            int groups,
            int pitch,
            int b,
            MemorySegment products) {
        block.set(JAVA_LONG, PanelCode.ROWS, rows);
        block.set(JAVA_LONG, PanelCode.GROUPS, groups);
        block.set(JAVA_LONG, PanelCode.PITCH, (long) pitch * Float.BYTES);
        int nextFour = b > 0 ? b : EIGHT_ROWS / 2;
        block.set(JAVA_LONG, PanelCode.NEXT_FOUR, (long) nextFour * Float.BYTES);
        function.call(block, products, block, 0, 0);
    }
}
