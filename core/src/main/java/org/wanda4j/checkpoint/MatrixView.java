package org.wanda4j.checkpoint;

import java.io.Serializable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// Where a matrix lies in a checkpoint: a whole tensor, some of its rows, its transpose, or a part of a 3-D tensor.
///
/// A tensor of shape `[S, R, C]` is `S` slices of `R x C`; one of `[R, C]` is a single slice, and one of `[R]` is
/// `R x 1`. Row `i` of the matrix is row `first + i / run * step + i % run` of its slice; column instead of row where the
/// slice is transposed.
///
/// @param tensor its name
/// @param shape of the tensor, outermost first
/// @param rows of the matrix
/// @param slice number of the slice
/// @param transposed whether the slice is inputs x outputs
/// @param first row of the slice that is row 0 of the matrix
/// @param run rows that follow each other without a gap
/// @param step from the start of a run to the start of the next
public record MatrixView(
        String tensor,
        List<Long> shape,
        int rows,
        int slice,
        boolean transposed,
        int first,
        int run,
        int step)
        implements Serializable {

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

    /// Columns of a transposed matrix that are copied together: rows of the tensor that lie in the cache at a time.
    private static final int TILE = 16;

    /// Copies the shape, and checks that the rows are in the tensor.
    public MatrixView {
        shape = List.copyOf(shape);
        long last = first + (long) ((rows - 1) / run) * step + (rows - 1) % run;
        if (rows < 1 || run < 1 || last >= height(shape, transposed)) {
            throw new IllegalArgumentException(
                    "%s %s has no %d rows from %d on".formatted(tensor, shape, rows, first));
        }
    }

    /// All of `tensor`, rows x columns.
    public static MatrixView whole(String tensor, int rows, int columns) {
        return new MatrixView(
                tensor, List.of((long) rows, (long) columns), rows, 0, false, 0, rows, rows);
    }

    /// All of the vector `tensor`, as a matrix of one column.
    public static MatrixView vector(String tensor, int size) {
        return new MatrixView(tensor, List.of((long) size), size, 0, false, 0, size, size);
    }

    /// The transpose of all of `tensor`, which is columns x rows.
    public static MatrixView transposed(String tensor, int rows, int columns) {
        return new MatrixView(
                tensor, List.of((long) columns, (long) rows), rows, 0, true, 0, rows, rows);
    }

    /// Slice `slice` of the 3-D `tensor`, which has `slices` of rows x columns.
    public static MatrixView slice(String tensor, int slices, int slice, int rows, int columns) {
        return new MatrixView(
                tensor,
                List.of((long) slices, (long) rows, (long) columns),
                rows,
                slice,
                false,
                0,
                rows,
                rows);
    }

    /// `count` rows of this: runs of `run`, each `step` behind the one before, from row `from` on.
    ///
    /// @throws IllegalStateException when this is interleaved itself
    public MatrixView interleaved(int from, int count, int run, int step) {
        if (this.run != rows) {
            throw new IllegalStateException(tensor + " is interleaved already");
        }
        return new MatrixView(tensor, shape, count, slice, transposed, first + from, run, step);
    }

    /// Columns of the matrix.
    public int columns() {
        return Math.toIntExact(
                shape.size() == 1 ? 1 : shape.get(shape.size() - (transposed ? 2 : 1)));
    }

    /// Whether the matrix is all of the tensor, in its order.
    public boolean isWhole() {
        return isContiguous() && shape.size() < 3 && rows == shape.getFirst();
    }

    /// Whether its rows follow each other in the tensor.
    public boolean isContiguous() {
        return !transposed && run == rows;
    }

    /// The matrix, rows x columns: in the tensor's own memory where it is contiguous, else a copy.
    ///
    /// @param whole the tensor
    /// @param memory for a copy
    public TensorView of(TensorView whole, Arena memory) {
        List<Long> extents =
                shape.size() == 1 ? List.of((long) rows) : List.of((long) rows, (long) columns());
        long bytes = (long) rows * columns() * whole.type().bytes();
        MemorySegment data;
        if (isContiguous()) {
            data = whole.data().asSlice(start() * whole.type().bytes(), bytes);
        } else {
            data = memory.allocate(bytes, 64);
            copy(whole, data);
        }
        return new TensorView(tensor, whole.type(), extents, data);
    }

    /// Copies the matrix out of the tensor.
    ///
    /// @param matrix receives rows x columns, of the tensor's type
    void copy(TensorView whole, MemorySegment matrix) {
        copy(whole, matrix, true);
    }

    /// Puts `matrix` back to where it lies in the tensor.
    ///
    /// @param matrix rows x columns, of the tensor's type
    /// @param whole the tensor, in memory that can be written
    public void put(MemorySegment matrix, TensorView whole) {
        copy(whole, matrix, false);
    }

    private void copy(TensorView whole, MemorySegment matrix, boolean out) {
        int columns = columns();
        long bytes = whole.type().bytes();
        if (transposed) {
            for (int column = 0; column < columns; column += TILE) {
                for (int row = 0; row < rows; row++) {
                    for (int j = column; j < Math.min(columns, column + TILE); j++) {
                        long index = ((long) row * columns + j) * bytes;
                        copyElement(whole, at(row, j) * bytes, matrix, index, out);
                    }
                }
            }
            return;
        }
        for (int row = 0; row < rows; row++) {
            long place = at(row, 0) * bytes;
            long index = (long) row * columns * bytes;
            if (out) {
                MemorySegment.copy(whole.data(), place, matrix, index, columns * bytes);
            } else {
                MemorySegment.copy(matrix, index, whole.data(), place, columns * bytes);
            }
        }
    }

    private static void copyElement(
            TensorView whole, long place, MemorySegment matrix, long index, boolean out) {
        MemorySegment from = out ? whole.data() : matrix;
        MemorySegment to = out ? matrix : whole.data();
        long source = out ? place : index;
        long target = out ? index : place;
        switch (whole.type().bytes()) {
            case Short.BYTES -> to.set(SHORT, target, from.get(SHORT, source));
            case Integer.BYTES -> to.set(INT, target, from.get(INT, source));
            default -> throw new IllegalArgumentException("not a weight type: " + whole.type());
        }
    }

    /// Number of the row that is row `row` of the matrix, among those of all slices, each slice transposed where the
    /// matrix is.
    int row(int row) {
        return Math.toIntExact(slice * height(shape, transposed) + inSlice(row));
    }

    private long inSlice(int row) {
        return first + (long) (row / run) * step + row % run;
    }

    /// Number of the tensor's element that is the matrix's first.
    long start() {
        return at(0, 0);
    }

    /// Number of the tensor's element that is at `row` and `column`.
    private long at(int row, int column) {
        long place = inSlice(row);
        long height = height(shape, transposed);
        long start = slice * height * columns();
        return start + (transposed ? column * height + place : place * columns() + column);
    }

    /// Rows of a slice; its columns where it is transposed.
    private static long height(List<Long> shape, boolean transposed) {
        if (shape.size() == 1) {
            return shape.getFirst();
        }
        return shape.get(shape.size() - (transposed ? 1 : 2));
    }
}
