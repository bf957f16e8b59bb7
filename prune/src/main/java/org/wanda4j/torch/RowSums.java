package org.wanda4j.torch;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Sums along the rows of a matrix, added in the order in which PyTorch adds.
public final class RowSums {

    private RowSums() {}

    /// The sum of each row.
    ///
    /// @param values row after row
    public static float[] of(float[] values, int columns) {
        float[] sums = new float[values.length / columns];
        try (var _ = new PointerScope()) {
            Tensor matrix = torch.from_blob(new FloatPointer(values), sums.length, columns);
            matrix.sum(1).data_ptr_float().get(sums);
        }
        return sums;
    }
}
