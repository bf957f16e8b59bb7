package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/// A matrix whose weights were rounded to the values of a [ValueGrid], with the scales of its groups: what is packed.
///
/// @param view where it lies in the checkpoint
/// @param weight rows x columns, fp32: each value is a number of the grid times its group's scale. Zero where the checkpoint's is
/// @param scales bf16 values, those of a row one after the other: rows x ceil(columns / GROUP)
/// @param outputError `||X (Q - W)^T||^2 / ||X W^T||^2` over the calibration text, `Q` the rounded matrix
public record RoundedMatrix(
        MatrixView view, TensorView weight, float[] scales, double outputError) {

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// The weights of a row.
    float[] row(int row) {
        float[] values = new float[weight.columns()];
        MemorySegment.copy(weight.row(row), FLOAT, 0, values, 0, values.length);
        return values;
    }

    /// The scales of a row.
    float[] scalesOf(int row) {
        int groups = Math.toIntExact(ValueType.groups(weight.columns()));
        return Arrays.copyOfRange(scales, row * groups, (row + 1) * groups);
    }
}
