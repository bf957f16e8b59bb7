package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.openblas.global.openblas;

/// A symmetric, positive definite matrix `A` of fp64 in native memory, for LAPACK; only its upper triangle.
///
/// An inverse multiplies what was rounded on the way by the matrix's condition: in fp32 the result's last digits would be those of
/// the order in which a library adds, and so of the processor.
///
/// Calls compute in the calling thread.
final class PositiveDefinite {

    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;
    private static final int ALIGNMENT = 64;
    private static final byte TRIANGLE = 'L';
    private static final byte NO_UNIT_DIAGONAL = 'N';

    private final MemorySegment data;
    private final int size;

    /// A matrix of zeros that lives as long as `memory`.
    PositiveDefinite(int size, Arena memory) {
        this.data = memory.allocate((long) size * size * Double.BYTES, ALIGNMENT);
        this.size = size;
    }

    /// Sets one value of the upper triangle.
    void set(int row, int column, double value) {
        data.setAtIndex(DOUBLE, index(row, column), value);
    }

    /// Rows and columns lie in reverse order. LAPACK's lower factor of that, `L`, is then `R` with `A = R R^T` in reverse, where R is
    /// upper; and `R^-1` is the upper factor of the inverse, without a second factorisation.
    private long index(int row, int column) {
        return (size - 1L - column) * size + size - 1 - row;
    }

    /// Replaces A by the upper `U` with `A^-1 = U^T U`.
    ///
    /// @return whether A is positive definite; if not, this holds nothing of use
    boolean invertToFactor() {
        return factorise()
                && openblas.LAPACKE_dtrtri(
                                openblas.LAPACK_COL_MAJOR,
                                TRIANGLE,
                                NO_UNIT_DIAGONAL,
                                size,
                                pointer(),
                                size)
                        == 0;
    }

    /// Replaces A by its inverse.
    ///
    /// @return whether A is positive definite; if not, this holds nothing of use
    boolean invert() {
        return factorise()
                && openblas.LAPACKE_dpotri(
                                openblas.LAPACK_COL_MAJOR, TRIANGLE, size, pointer(), size)
                        == 0;
    }

    private boolean factorise() {
        return openblas.LAPACKE_dpotrf(openblas.LAPACK_COL_MAJOR, TRIANGLE, size, pointer(), size)
                == 0;
    }

    /// Rounds the upper triangle to fp32 and puts it into that of `matrix`, whose lower one stays.
    void storeIn(Matrix matrix) {
        for (int row = 0; row < size; row++) {
            for (int column = row; column < size; column++) {
                matrix.set(row, column, (float) data.getAtIndex(DOUBLE, index(row, column)));
            }
        }
    }

    private DoublePointer pointer() {
        return new DoublePointer(new Tensors.Address(data));
    }
}
