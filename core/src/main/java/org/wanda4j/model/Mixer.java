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

    /// How many of the tokens a group sees, as a share of all: not all where tokens are routed.
    ///
    /// @param part number of the group in its step
    default double shareOfTokens(int part) {
        return 1;
    }

    /// Its linears that are never pruned.
    default Stream<Linear> fixed() {
        return Stream.empty();
    }

    /// Its norms.
    default Stream<Norm> norms() {
        return Stream.empty();
    }
}
