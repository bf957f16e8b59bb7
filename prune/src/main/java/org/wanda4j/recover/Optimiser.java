package org.wanda4j.recover;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.wanda4j.sparse.Mask;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Variable;

/// Changes what is trained against its gradients: matrices by [Muon], all else by [Adam].
///
/// The gradient of all variables together is clipped to a norm, `g <- g * min(1, CLIP / norm(g))`. What was removed has none and
/// stays zero.
final class Optimiser {

    /// Values that are worked on at a time; several arrays of so many lie in the cache.
    static final int CHUNK = 2048;

    private static final double CLIP = 1;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    private final Engine engine;
    private final List<Rule> rules;

    /// How one variable changes, and what is remembered of it from step to step.
    sealed interface Rule permits Adam, Muon {

        Variable variable();

        /// What is remembered.
        List<MemorySegment> state();

        /// Changes the values. For a task of [Engine#forEach].
        ///
        /// @param step number of the step, from 0
        /// @param factor that the gradient is multiplied by
        void update(int step, double rate, float factor);
    }

    /// @param memory that outlives this
    Optimiser(Engine engine, List<Variable> variables, Arena memory) {
        this.engine = engine;
        this.rules = variables.stream().map(it -> rule(it, engine.type(), memory)).toList();
    }

    private static Rule rule(Variable variable, ComputeType products, Arena memory) {
        return variable.value().shape().size() == 2
                ? new Muon(variable, products, memory)
                : new Adam(variable, memory);
    }

    /// All that is remembered from step to step.
    List<MemorySegment> state() {
        return rules.stream().flatMap(it -> it.state().stream()).toList();
    }

    /// Changes the values against their gradients.
    ///
    /// @param step number of the step, from 0
    /// @return norm of the gradient before it is clipped; nothing is changed where it is not finite
    double step(int step, double rate) {
        double[] squares = new double[rules.size()];
        engine.forEach(squares.length, i -> squares[i] = square(rules.get(i).variable()));
        double sum = 0;
        for (double square : squares) {
            sum += square;
        }
        double norm = Math.sqrt(sum);
        if (Double.isFinite(norm)) {
            float factor = (float) Math.min(1, CLIP / norm);
            engine.forEach(squares.length, i -> rules.get(i).update(step, rate, factor));
        }
        return norm;
    }

    /// The sum of the squares of a gradient, in which what was removed is set to zero.
    private static double square(Variable variable) {
        MemorySegment gradient = variable.gradient().data();
        variable.removed().ifPresent(removed -> clear(gradient, removed));
        float[] values = new float[CHUNK];
        double sum = 0;
        long count = gradient.byteSize() / Float.BYTES;
        for (long from = 0; from < count; from += CHUNK) {
            int length = (int) Math.min(CHUNK, count - from);
            read(gradient, from, values, length);
            float part = 0;
            for (int i = 0; i < length; i++) {
                part += values[i] * values[i];
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

    static void read(MemorySegment from, long index, float[] into, int count) {
        MemorySegment.copy(from, FLOAT, index * Float.BYTES, into, 0, count);
    }

    static void write(float[] from, MemorySegment into, long index, int count) {
        MemorySegment.copy(from, 0, into, FLOAT, index * Float.BYTES, count);
    }
}
