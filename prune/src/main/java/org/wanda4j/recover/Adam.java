package org.wanda4j.recover;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;
import org.wanda4j.torch.DeviceAdam;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.MirroredTensor;
import org.wanda4j.torch.Variable;

/// Adam (Kingma & Ba, 2015) with the gradient of all variables together clipped to a norm:
///
/// ```
/// g <- g * min(1, CLIP / norm(g))
/// m <- B1 m + (1 - B1) g,  v <- B2 v + (1 - B2) g^2
/// w <- w - rate * (m / (1 - B1^t)) / (sqrt(v / (1 - B2^t)) + EPSILON)
/// ```
///
/// On the host in plain Java: the same bits whatever the machine. What was removed has no gradient and stays zero.
final class Adam implements AutoCloseable {

    private static final double B1 = 0.9;
    private static final double B2 = 0.999;
    private static final double EPSILON = 1e-8;
    private static final double CLIP = 1;

    /// Values that are worked on at a time; several arrays of so many lie in the cache.
    private static final int CHUNK = 2048;

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    private final Engine engine;
    private final List<Moments> moments = new ArrayList<>();
    private final Optional<DeviceAdam> onDevice;

    /// @param mean of the gradient, `m`
    /// @param square mean of its square, `v`
    private record Moments(Variable variable, MirroredTensor mean, MirroredTensor square) {

        MemorySegment value() {
            return variable.value().data();
        }

        MemorySegment gradient() {
            return variable.gradient().data();
        }
    }

    /// @param memory that outlives this
    Adam(Engine engine, List<Variable> variables, Arena memory) {
        this.engine = engine;
        this.onDevice =
                engine.device().isHost()
                        ? Optional.empty()
                        : Optional.of(new DeviceAdam(engine.device(), 1 - B1, 1 - B2, EPSILON));
        for (Variable variable : variables) {
            var each = new Moments(variable, zeros(variable, memory), zeros(variable, memory));
            moments.add(each);
            onDevice.ifPresent(it -> it.add(variable, each.mean(), each.square()));
        }
    }

    private MirroredTensor zeros(Variable variable, Arena memory) {
        TensorView value = variable.value().host();
        MemorySegment data = memory.allocate(value.data().byteSize(), 64);
        return new MirroredTensor(
                new TensorView(value.name(), DType.F32, value.shape(), data), engine.device());
    }

    /// All that it remembers from step to step.
    List<MirroredTensor> state() {
        return moments.stream().flatMap(it -> Stream.of(it.mean(), it.square())).toList();
    }

    /// Changes the values against their gradients.
    ///
    /// @param step number of the step, from 0
    /// @return norm of the gradient before it is clipped; nothing is changed where it is not finite
    double step(int step, double rate) {
        double norm = onDevice.map(DeviceAdam::norm).orElseGet(this::norm);
        if (Double.isFinite(norm)) {
            float factor = (float) Math.min(1, CLIP / norm);
            float pace = (float) (rate / (1 - Math.pow(B1, step + 1.0)));
            float root = (float) Math.sqrt(1 - Math.pow(B2, step + 1.0));
            onDevice.ifPresentOrElse(
                    it -> it.update(factor, pace, root),
                    () ->
                            engine.forEach(
                                    moments.size(),
                                    i -> update(moments.get(i), factor, pace, root)));
        }
        return norm;
    }

    private double norm() {
        double[] squares = new double[moments.size()];
        engine.forEach(squares.length, i -> squares[i] = square(moments.get(i)));
        double sum = 0;
        for (double square : squares) {
            sum += square;
        }
        return Math.sqrt(sum);
    }

    /// The sum of the squares of a gradient, in which what was removed is set to zero.
    private static double square(Moments moments) {
        Variable variable = moments.variable();
        variable.removed().ifPresent(removed -> clear(moments.gradient(), removed));
        float[] gradient = new float[CHUNK];
        double sum = 0;
        long count = moments.gradient().byteSize() / Float.BYTES;
        for (long from = 0; from < count; from += CHUNK) {
            int length = (int) Math.min(CHUNK, count - from);
            read(moments.gradient(), from, gradient, length);
            float part = 0;
            for (int i = 0; i < length; i++) {
                part += gradient[i] * gradient[i];
            }
            sum += part;
        }
        return sum;
    }

    private static void clear(MemorySegment gradient, Mask removed) {
        int columns = removed.columns();
        float[] row = new float[columns];
        float[] kept = new float[columns];
        for (int i = 0; i < removed.rows(); i++) {
            long from = (long) i * columns;
            read(gradient, from, row, columns);
            removed.kept(i, kept);
            for (int j = 0; j < columns; j++) {
                row[j] *= kept[j];
            }
            write(row, gradient, from, columns);
        }
    }

    /// @param factor of the gradient
    /// @param pace `rate / (1 - B1^t)`
    /// @param root `sqrt(1 - B2^t)`
    private static void update(Moments moments, float factor, float pace, float root) {
        float[] value = new float[CHUNK];
        float[] gradient = new float[CHUNK];
        float[] mean = new float[CHUNK];
        float[] square = new float[CHUNK];
        long count = moments.value().byteSize() / Float.BYTES;
        for (long from = 0; from < count; from += CHUNK) {
            int length = (int) Math.min(CHUNK, count - from);
            read(moments.value(), from, value, length);
            read(moments.gradient(), from, gradient, length);
            read(moments.mean().data(), from, mean, length);
            read(moments.square().data(), from, square, length);
            for (int i = 0; i < length; i++) {
                float g = gradient[i] * factor;
                float m = mean[i] + (float) (1 - B1) * (g - mean[i]);
                float v = square[i] + (float) (1 - B2) * (g * g - square[i]);
                mean[i] = m;
                square[i] = v;
                value[i] -= pace * m / ((float) Math.sqrt(v) / root + (float) EPSILON);
            }
            write(value, moments.value(), from, length);
            write(mean, moments.mean().data(), from, length);
            write(square, moments.square().data(), from, length);
        }
    }

    private static void read(MemorySegment from, long index, float[] into, int count) {
        MemorySegment.copy(from, FLOAT, index * Float.BYTES, into, 0, count);
    }

    private static void write(float[] from, MemorySegment into, long index, int count) {
        MemorySegment.copy(from, 0, into, FLOAT, index * Float.BYTES, count);
    }

    @Override
    public void close() {
        onDevice.ifPresent(DeviceAdam::close);
        state().forEach(MirroredTensor::close);
    }
}
