package org.wanda4j.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.MatrixView;

/// A decoder block: residual branches on the hidden state.
///
/// @param branches in the order of the computation
/// @param parallel whether all of them read the block's input; else each reads the sum that the one before left
public record Block(List<Branch> branches, boolean parallel) {

    /// Copies the branches.
    public Block {
        branches = List.copyOf(branches);
    }

    /// `x + multiplier * after(mixer(before(x)))`, then `behind` of that sum.
    ///
    /// @param before norm of the input (most families)
    /// @param after norm of what the mixer gives (Gemma 2, OLMo 2)
    /// @param behind norm of the sum (OPT 350M)
    /// @param multiplier of what is added (Granite)
    public record Branch(
            Optional<Norm> before,
            Mixer mixer,
            Optional<Norm> after,
            Optional<Norm> behind,
            double multiplier) {

        /// With a norm before the mixer and nothing else.
        public static Branch normFirst(Norm norm, Mixer mixer) {
            return new Branch(Optional.of(norm), mixer, Optional.empty(), Optional.empty(), 1);
        }

        /// Its norms, the mixer's included.
        public Stream<Norm> norms() {
            return Stream.of(before.stream(), mixer.norms(), after.stream(), behind.stream())
                    .flatMap(each -> each);
        }
    }

    /// Branch after branch, each reading the sum that the one before left.
    public static Block sequential(Branch... branches) {
        return new Block(List.of(branches), false);
    }

    /// How many hidden states it goes through: one behind each branch, or behind all that are parallel.
    public int states() {
        return parallel ? 1 : branches.size();
    }

    /// Stages that are ready at the same time: one, but for a mixture of experts.
    ///
    /// @param branch number of the branch
    /// @param index of the step in the branch's mixer
    public record Step(int branch, int index, List<Stage> stages) {

        /// How a progress line names it.
        public String label() {
            return stages.size() == 1 ? stages.getFirst().label() : "experts";
        }
    }

    /// The steps of all branches, in the order of the computation.
    public List<Step> steps() {
        List<Step> steps = new ArrayList<>();
        for (int branch = 0; branch < branches.size(); branch++) {
            List<List<Mixer.Group>> groups = branches.get(branch).mixer().steps();
            for (int index = 0; index < groups.size(); index++) {
                List<Stage> stages = new ArrayList<>();
                for (Mixer.Group group : groups.get(index)) {
                    stages.add(
                            new Stage(
                                    group.label(), branch, index, stages.size(), group.linears()));
                }
                steps.add(new Step(branch, index, List.copyOf(stages)));
            }
        }
        return steps;
    }

    /// The stages of all steps.
    public List<Stage> stages() {
        return steps().stream().flatMap(step -> step.stages().stream()).toList();
    }

    /// All linears that can be pruned, stage by stage.
    public List<Linear> linears() {
        return stages().stream().flatMap(stage -> stage.linears().stream()).toList();
    }

    /// Weights of all its matrices, of all experts.
    public long weights() {
        return Stream.concat(linears().stream(), fixed()).mapToLong(Linear::weights).sum();
    }

    /// How many of the tokens a stage sees, as a share of all.
    public double shareOfTokens(Stage stage) {
        return branches.get(stage.branch()).mixer().shareOfTokens(stage.part());
    }

    /// Linears that are never pruned: routers and gates of experts.
    public Stream<Linear> fixed() {
        return branches.stream().flatMap(branch -> branch.mixer().fixed());
    }

    /// All norms.
    public Stream<Norm> norms() {
        return branches.stream().flatMap(Branch::norms);
    }

    /// Every matrix and vector that it reads.
    public Stream<MatrixView> views() {
        return Stream.of(
                        linears().stream().flatMap(Linear::views),
                        fixed().flatMap(Linear::views),
                        norms().flatMap(Norm::views))
                .flatMap(each -> each)
                .distinct();
    }

    /// The mixers that are attention.
    public Stream<Attention> attentions() {
        return branches.stream()
                .map(Branch::mixer)
                .filter(Attention.class::isInstance)
                .map(Attention.class::cast);
    }
}
