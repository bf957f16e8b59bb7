package org.wanda4j.runtime.internal.x86;

import java.util.function.IntFunction;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// Products of rows with several interleaved activations, by functions that take a group of them, as [BlockCode] and [Avx2BlockCode]
/// write them.
///
/// @param vectors activations in a group
/// @param bytes from a group to the next
/// @param functions by the number of activations in a group
record BlockKernels(int vectors, long bytes, IntFunction<MachineCode> functions) {

    /// Words of rows that stay in the CPU cache while all groups are multiplied with them.
    private static final int CHUNK = 1024;

    /// Multiplies rows with activations.
    ///
    /// @param address of the activations
    /// @param count of the activations
    /// @param at index of the product of row 0 with the first of them
    void multiply(
            MappedMatrix matrix,
            int from,
            int to,
            long address,
            int count,
            float[] y,
            int at,
            int outputs,
            MachineScratch memory) {
        int words = matrix.columns() / Long.SIZE;
        memory.set(Parameter.WORDS, words);
        int half = (to - from + 1) / 2;
        int most = Math.clamp(CHUNK / words, 1, RowFrame.MOST_ROWS);
        for (int i = 0; i < half; i += most) {
            int a = from + i;
            int b = to - half + i;
            int rows = Math.min(most, half - i);
            memory.setRows(matrix, a, b, rows);
            for (int t = 0; t < count; t += vectors) {
                int some = Math.min(vectors, count - t);
                memory.setValues(matrix, a, b);
                memory.set(Parameter.VECTOR, address + t / vectors * bytes);
                functions.apply(some).call(memory.parameters());
                for (int k = 0; k < some; k++) {
                    memory.copyProducts(k, a, b, rows, y, at + (t + k) * outputs);
                }
            }
        }
    }
}
