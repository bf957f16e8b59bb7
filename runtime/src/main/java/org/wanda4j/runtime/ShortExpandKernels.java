package org.wanda4j.runtime;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ADD;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import org.wanda4j.checkpoint.PackedMatrix;
import org.wanda4j.checkpoint.PackedMatrix.Places;

/// [VectorKernels] for processors that expand a vector of shorts in one instruction (AVX-512 VBMI2): two bf16 at a time
/// come to lie in each int, where a shift and a mask make floats of them.
final class ShortExpandKernels extends VectorKernels {

    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_PREFERRED;
    private static final long LOWER = 0xffffffffL;

    @Override
    float dotExpanded(
            PackedMatrix matrix, Places places, int row, long start, Vectors x, float[] pairs) {
        int columns = matrix.columns();
        long maskRow = bitmaskRow(matrix, row);
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        long at = start;
        for (int column = 0; column < columns; column += Long.SIZE) {
            long word = word(places.bitmask(), maskRow, column, columns);
            IntVector some = expand(matrix, at, word & LOWER);
            IntVector more =
                    expand(matrix, at + Long.bitCount(word & LOWER), word >>> Integer.SIZE);
            a = lower(some).fma(FloatVector.fromArray(FLOATS, pairs, column), a);
            b = upper(some).fma(FloatVector.fromArray(FLOATS, pairs, column + LANES), b);
            c = lower(more).fma(FloatVector.fromArray(FLOATS, pairs, column + 2 * LANES), c);
            d = upper(more).fma(FloatVector.fromArray(FLOATS, pairs, column + 3 * LANES), d);
            at += Long.bitCount(word);
        }
        return a.add(b).add(c.add(d)).reduceLanes(ADD);
    }

    private static IntVector expand(PackedMatrix matrix, long at, long places) {
        return ShortVector.fromMemorySegment(SHORTS, matrix.values(), 2 * at, LITTLE_ENDIAN)
                .expand(VectorMask.fromLong(SHORTS, places))
                .reinterpretAsInts();
    }

    @Override
    public String description() {
        return super.description() + " with expansion of shorts";
    }
}
