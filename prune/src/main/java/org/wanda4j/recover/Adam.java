package org.wanda4j.recover;

import static org.wanda4j.recover.Optimiser.CHUNK;
import static org.wanda4j.recover.Optimiser.read;
import static org.wanda4j.recover.Optimiser.write;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.wanda4j.torch.Variable;

/// Adam (Kingma & Ba, 2015):
///
/// ```
/// m <- B1 m + (1 - B1) g,  v <- B2 v + (1 - B2) g^2
/// w <- w - rate * (m / (1 - B1^t)) / (sqrt(v / (1 - B2^t)) + EPSILON)
/// ```
///
/// @param mean of the gradient, `m`
/// @param square mean of its square, `v`
record Adam(Variable variable, MemorySegment mean, MemorySegment square) implements Optimiser.Rule {

    private static final double B1 = 0.9;
    private static final double B2 = 0.999;
    private static final double EPSILON = 1e-8;
    private static final int ALIGNMENT = 64;

    /// @param memory that outlives this
    Adam(Variable variable, Arena memory) {
        long bytes = variable.value().data().byteSize();
        this(variable, memory.allocate(bytes, ALIGNMENT), memory.allocate(bytes, ALIGNMENT));
    }

    @Override
    public List<MemorySegment> state() {
        return List.of(mean, square);
    }

    @Override
    public void update(int step, double rate, float factor) {
        float pace = (float) (rate / (1 - Math.pow(B1, step + 1.0)));
        float root = (float) Math.sqrt(1 - Math.pow(B2, step + 1.0));
        MemorySegment values = variable.value().data();
        float[] value = new float[CHUNK];
        float[] gradient = new float[CHUNK];
        float[] means = new float[CHUNK];
        float[] squares = new float[CHUNK];
        long count = values.byteSize() / Float.BYTES;
        for (long from = 0; from < count; from += CHUNK) {
            int length = (int) Math.min(CHUNK, count - from);
            read(values, from, value, length);
            read(variable.gradient().data(), from, gradient, length);
            read(mean, from, means, length);
            read(square, from, squares, length);
            for (int i = 0; i < length; i++) {
                float g = gradient[i] * factor;
                float m = means[i] + (float) (1 - B1) * (g - means[i]);
                float v = squares[i] + (float) (1 - B2) * (g * g - squares[i]);
                means[i] = m;
                squares[i] = v;
                value[i] -= pace * m / ((float) Math.sqrt(v) / root + (float) EPSILON);
            }
            write(value, values, from, length);
            write(means, mean, from, length);
            write(squares, square, from, length);
        }
    }
}
