package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.List;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Changes what is trained against its gradients: the matrices of linears by [Muon], unless they are rounded, all else by [Adam].
///
/// The gradient of all variables together is clipped to a norm, `g <- g * min(1, CLIP / norm(g))`. What was removed has none and
/// stays zero.
public final class Optimiser implements AutoCloseable {

    private static final double CLIP = 1;

    private final Engine engine;
    private final List<Rule> rules;

    /// How one variable changes, and what is remembered of it from step to step.
    sealed interface Rule permits Adam, Muon {

        Variable variable();

        /// What is remembered.
        List<MirroredTensor> state();

        /// Changes the values. For a task of [Engine#forEach].
        ///
        /// @param step number of the step, from 0
        /// @param factor that the gradient is multiplied by
        void update(int step, double rate, double factor);
    }

    /// @param rounded whether matrices are computed with as they will be packed
    /// @param memory that outlives this
    public Optimiser(Engine engine, List<Variable> variables, boolean rounded, Arena memory) {
        this.engine = engine;
        this.rules = variables.stream().map(it -> rule(it, rounded, memory)).toList();
    }

    private Rule rule(Variable variable, boolean rounded, Arena memory) {
        return variable.pruned() && !rounded
                ? new Muon(
                        variable,
                        MirroredTensor.zeros(variable.value().host(), engine.device(), memory),
                        engine.type())
                : new Adam(variable, engine.device(), memory);
    }

    /// A rule for each variable, in their order.
    List<Rule> rules() {
        return rules;
    }

    /// All that is remembered from step to step.
    public List<MirroredTensor> state() {
        return rules.stream().flatMap(it -> it.state().stream()).toList();
    }

    /// Changes the values against their gradients.
    ///
    /// @param step number of the step, from 0
    /// @return norm of the gradient before it is clipped; nothing is changed where it is not finite
    public double step(int step, double rate) {
        double[] squares = new double[rules.size()];
        engine.forEach(squares.length, i -> squares[i] = square(rules.get(i).variable()));
        double sum = 0;
        for (double square : squares) {
            sum += square;
        }
        double norm = Math.sqrt(sum);
        if (Double.isFinite(norm)) {
            double factor = Math.min(1, CLIP / norm);
            engine.forEach(squares.length, i -> rules.get(i).update(step, rate, factor));
        }
        return norm;
    }

    /// The sum of the squares of a gradient, in which what was removed is set to zero.
    private static double square(Variable variable) {
        Tensor gradient = variable.gradient().tensor();
        variable.clearRemoved(gradient);
        return gradient.square().sum(new ScalarTypeOptional(ScalarType.Double)).item_double();
    }

    @Override
    public void close() {
        state().forEach(MirroredTensor::close);
    }
}
