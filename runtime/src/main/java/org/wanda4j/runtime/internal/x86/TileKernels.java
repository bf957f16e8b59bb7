package org.wanda4j.runtime.internal.x86;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.Scratch;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// Products of a matrix with many activations, in fp32, by [TileCode].
final class TileKernels {

    /// Activations of so many bytes stay in the second cache while rows are multiplied with them.
    private static final int CACHED_BYTES = 256 << 10;

    /// Where the rows are in [MachineScratch#block], behind the parameters of [TileCode#multiply].
    private static final long TILE_AT = RowFrame.LINE;

    private final RowFunctions unpack =
            new RowFunctions(
                    density -> TileCode.unpack(ValueType.BF16, density),
                    density -> TileCode.unpack(ValueType.INT8, density),
                    density -> TileCode.unpack(ValueType.INT4, density));

    /// By number of vectors, from one on.
    private final List<MachineCode> multiply = new ArrayList<>();

    /// @throws IllegalStateException where the system lets no memory become code
    TileKernels() {
        for (int vectors = 1; vectors <= TileCode.MOST_VECTORS; vectors++) {
            multiply.add(new MachineCode(TileCode.multiply(vectors)));
        }
    }

    /// What is needed of [MachineScratch#block].
    ///
    /// @param widest columns of the widest matrix
    static long bytes(int widest) {
        return TILE_AT + (long) TileCode.ROWS * Scratch.words(widest) * Long.SIZE * Float.BYTES;
    }

    /// Whether [#block] multiplies so many rows with activations so many values apart.
    static boolean take(MappedMatrix matrix, int rows, int width) {
        return rows >= TileCode.ROWS && width == matrix.columns();
    }

    /// Unpacks a few rows, and multiplies them with all activations that stay in the cache.
    ///
    /// @param from first row of at least [TileCode#ROWS], up to `to`, exclusive
    /// @param width of an activation, the columns of `matrix`
    void block(
            MappedMatrix matrix,
            int from,
            int to,
            float[] x,
            int width,
            int tokens,
            float[] y,
            int outputs,
            MachineScratch memory) {
        MemorySegment tile = memory.block;
        tile.set(JAVA_LONG, TileCode.ADDRESS, tile.address() + TILE_AT);
        tile.set(JAVA_LONG, TileCode.WIDTH, (long) width * Float.BYTES);
        tile.set(JAVA_LONG, TileCode.PITCH, (long) outputs * Float.BYTES);
        int vectors = multiply.size();
        int most = Math.max(1, CACHED_BYTES / (width * Float.BYTES * vectors));
        int together = most * vectors;
        for (int t = 0; t < tokens; t += together) {
            int count = Math.min(together, tokens - t);
            for (int i = from; i < to; i += TileCode.ROWS) {
                // The last rows may have been multiplied before: there are as many in each tile.
                int first = Math.min(i, to - TileCode.ROWS);
                unpack(matrix, first, memory);
                multiply(tile, x, t * width, width, count, y, t * outputs + first, outputs);
            }
        }
    }

    private void unpack(MappedMatrix matrix, int first, MachineScratch memory) {
        int half = TileCode.ROWS / 2;
        memory.set(Parameter.VECTOR, memory.block.address() + TILE_AT);
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
        for (int vectors = multiply.size(); vectors > 0; vectors--) {
            int times = (count - done) / vectors;
            if (times > 0) {
                int products = (times * vectors - 1) * outputs + TileCode.ROWS;
                multiply.get(vectors - 1)
                        .call(
                                tile,
                                MachineKernels.part(
                                        x, from + done * width, times * vectors * width),
                                MachineKernels.part(y, to + done * outputs, products),
                                times,
                                0);
                done += times * vectors;
            }
        }
    }
}
