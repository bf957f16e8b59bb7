package org.wanda4j;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.Safetensors;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.text.Windows;

/// Values that another implementation computed, in a safetensors file.
public final class Expected implements AutoCloseable {

    private final Safetensors file;
    private final Arena memory = Arena.ofConfined();

    public Expected(Path path) {
        this.file = Safetensors.open(path);
    }

    public boolean has(String name) {
        return file.tensors().stream().anyMatch(tensor -> tensor.name().equals(name));
    }

    public float[] floats(String name) {
        return tensor(name).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    /// Token ids, one window for each row; a vector is one window.
    public Windows windows(String name) {
        TensorView tensor = tensor(name);
        long[] flat =
                tensor.type() == DType.I32
                        ? Arrays.stream(tensor.data().toArray(ValueLayout.JAVA_INT_UNALIGNED))
                                .asLongStream()
                                .toArray()
                        : tensor.data().toArray(ValueLayout.JAVA_LONG_UNALIGNED);
        int length = Math.toIntExact(tensor.shape().getLast());
        List<int[]> rows = new ArrayList<>();
        for (int from = 0; from < flat.length; from += length) {
            int[] row = new int[length];
            for (int i = 0; i < length; i++) {
                row[i] = Math.toIntExact(flat[from + i]);
            }
            rows.add(row);
        }
        return new Windows(length, rows);
    }

    private TensorView tensor(String name) {
        return file.tensors().stream()
                .filter(tensor -> tensor.name().equals(name))
                .findFirst()
                .map(tensor -> file.map(tensor, memory))
                .orElseThrow(() -> new AssertionError(file.path() + " lacks " + name));
    }

    public static float largestDifference(float[] actual, float[] expected) {
        if (actual.length != expected.length) {
            throw new AssertionError(actual.length + " values, expected " + expected.length);
        }
        float largest = 0;
        for (int i = 0; i < actual.length; i++) {
            float difference = Math.abs(actual[i] - expected[i]);
            largest =
                    Float.isNaN(difference)
                            ? Float.POSITIVE_INFINITY
                            : Math.max(largest, difference);
        }
        return largest;
    }

    @Override
    public void close() {
        memory.close();
        file.close();
    }
}
