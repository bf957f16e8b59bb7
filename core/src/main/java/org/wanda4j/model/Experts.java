package org.wanda4j.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// A mixture of experts (Shazeer et al., 2017): the router's softmax gives each token a weight for each expert; the token
/// goes through the `chosen` experts with the largest, and the result is the weighted sum of what they give.
///
/// @param router from the input to a value for each expert; not pruned
/// @param experts each an MLP of its own
/// @param chosen experts of a token
/// @param normalised whether the weights of a token's experts are divided by their sum
/// @param shared an MLP that every token goes through, its result added
/// @param sharedGate from the input to one value, whose sigmoid multiplies what the shared MLP gives; not pruned
public record Experts(
        Linear router,
        List<Mlp> experts,
        int chosen,
        boolean normalised,
        Optional<Mlp> shared,
        Optional<Linear> sharedGate)
        implements Mixer {

    /// Copies the experts.
    public Experts {
        experts = List.copyOf(experts);
    }

    /// In each step the shared MLP's group, where there is one, then one for each expert.
    @Override
    public List<List<Group>> steps() {
        List<List<Group>> steps = List.of(new ArrayList<>(), new ArrayList<>());
        shared.ifPresent(mlp -> add(steps, "shared ", mlp));
        for (int i = 0; i < experts.size(); i++) {
            add(steps, "expert " + i + " ", experts.get(i));
        }
        return steps;
    }

    /// The MLP of a stage, by its number in the step.
    public Mlp mlp(int part) {
        return shared.isPresent()
                ? part == 0 ? shared.get() : experts.get(part - 1)
                : experts.get(part);
    }

    private static void add(List<List<Group>> steps, String prefix, Mlp mlp) {
        for (int step = 0; step < steps.size(); step++) {
            Group group = mlp.steps().get(step).getFirst();
            steps.get(step).add(new Group(prefix + group.label(), group.linears()));
        }
    }

    @Override
    public int width() {
        return chosen * experts.getFirst().width() + shared.map(Mlp::width).orElse(0);
    }

    /// On average over the experts.
    @Override
    public double shareOfTokens(int part) {
        return shared.isPresent() && part == 0 ? 1 : (double) chosen / experts.size();
    }

    @Override
    public Stream<Linear> fixed() {
        return Stream.concat(Stream.of(router), sharedGate.stream());
    }
}
