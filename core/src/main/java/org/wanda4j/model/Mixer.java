package org.wanda4j.model;

import java.util.List;
import java.util.stream.Stream;

/// What a residual branch computes of its input, in steps: each step's linears read what the step before gives.
public sealed interface Mixer permits Attention, Mlp, Experts {

    /// Linears of a step that read one input.
    ///
    /// @param label how reports name it
    record Group(String label, List<Linear> linears) {}

    /// Its linears that can be pruned: for each step in the order of the computation, the groups that read an input of
    /// their own.
    List<List<Group>> steps();

    /// Values for each token that go from one step to the next, at most.
    int width();

    /// Its linears that are never pruned.
    default Stream<Linear> fixed() {
        return Stream.empty();
    }

    /// Its norms.
    default Stream<Norm> norms() {
        return Stream.empty();
    }
}
