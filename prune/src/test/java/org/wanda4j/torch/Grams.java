package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Gram matrices of inputs that a test makes up.
public final class Grams {

    static {
        NativeLibraries.load();
    }

    private Grams() {}

    /// Of inputs of tokens x channels, in two batches.
    public static Gram of(float[][] inputs, ComputeType type) {
        int half = inputs.length / 2;
        int width = inputs[0].length;
        var sum = new GramSum(width, type, 1);
        try (Arena memory = Arena.ofConfined();
                var _ = new PointerScope()) {
            MemorySegment data = memory.allocate((long) inputs.length * width * Float.BYTES, 64);
            for (int i = 0; i < inputs.length; i++) {
                MemorySegment.copy(
                        inputs[i],
                        0,
                        data,
                        ValueLayout.JAVA_FLOAT,
                        (long) i * width * Float.BYTES,
                        width);
            }
            var all = Tensors.over(data, ScalarType.Float, inputs.length, width).to(type.scalar());
            sum.add(1, all.narrow(0, half, inputs.length - half));
            sum.add(0, all.narrow(0, 0, half));
        }
        return sum.mean(2);
    }
}
