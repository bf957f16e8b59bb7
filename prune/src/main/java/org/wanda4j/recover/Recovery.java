package org.wanda4j.recover;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Architecture;
import org.wanda4j.torch.ComputeType;

/// Everything that decides what a recovery makes of a pruned checkpoint.
///
/// @param scope what is trained
/// @param objective what the loss is
/// @param length how long it is trained
/// @param learningRate of the optimiser at its peak; where empty, that of the scope, or by how much there is to recover: [#rate]
/// @param seqlen tokens of a window; [#LONGEST_WINDOW] or what the model can take where empty
/// @param seed of the order of the text
/// @param values int8 or int4: the linears are computed with as they will be packed, and the result is packed; an ordinary checkpoint
///     where empty
/// @param type in which the teacher is computed and the student's linears multiply; the fastest on this CPU where empty
public record Recovery(
        Scope scope,
        Objective objective,
        Length length,
        OptionalDouble learningRate,
        OptionalInt seqlen,
        long seed,
        Optional<ValueType> values,
        Optional<ComputeType> type) {

    /// Windows of a step.
    public static final int WINDOWS_PER_STEP = 8;

    /// Tokens of a window, where neither the user nor the model's context sets fewer.
    public static final int LONGEST_WINDOW = 256;

    private static final double LEAST_MINUTES = 1;

    /// How much of the usual rate is taken at most where weights are rounded: larger steps change more numbers than training settles.
    private static final double ROUNDED = 0.2;

    /// The rate of a step by nat of divergence from the teacher, were it the only one.
    private static final double RATE_BY_LOSS = 3.4e-3;

    /// Steps from which on the rate does not fall with their number.
    private static final int MANY_STEPS = 64;

    /// What the first steps count as, before it is known how many there will be.
    private static final int FEW_STEPS = 16;

    /// From this rate on a larger one brings less: at 2:4 and 70 % the held-out loss after 16,384 tokens rises again.
    private static final double LARGEST_RATE = 1.25e-3;

    /// A quarter of an hour towards the teacher's logits.
    public static final Recovery DEFAULT =
            new Recovery(
                    new Scope.All(),
                    new Objective.Logits(1, 0),
                    new Length.Minutes(15),
                    OptionalDouble.empty(),
                    OptionalInt.empty(),
                    0,
                    Optional.empty(),
                    Optional.empty());

    /// What is trained. Embedding and head are not, but for the norm before the head.
    public sealed interface Scope {

        /// The optimiser's rate at its peak that goes with it.
        double learningRate();

        /// All that survives in the blocks.
        record All() implements Scope {
            @Override
            public double learningRate() {
                return 5e-4;
            }
        }

        /// Norms and biases.
        record Norms() implements Scope {
            @Override
            public double learningRate() {
                return 2e-3;
            }
        }

        /// A product of two thin matrices for each linear, merged where weights survive.
        ///
        /// @param alpha over `rank` is what the product is multiplied by
        record LowRank(int rank, double alpha) implements Scope {

            /// Checks the ranges.
            ///
            /// @throws InvalidInputException when one is left
            public LowRank {
                if (rank < 1 || !(alpha > 0 && alpha <= 1e6)) {
                    throw new InvalidInputException(
                            "--rank must be at least 1 and --alpha above 0, got %d and %s"
                                    .formatted(rank, alpha));
                }
            }

            @Override
            public double learningRate() {
                return 1e-3;
            }
        }
    }

    /// What the loss is.
    public sealed interface Objective {

        /// KL(teacher || student) over the vocabulary.
        ///
        /// @param temperature of both
        /// @param hiddenWeight of the mean over blocks of the hidden states' relative squared error; 0 for none
        record Logits(double temperature, double hiddenWeight) implements Objective {

            /// Checks the ranges.
            ///
            /// @throws InvalidInputException when one is left
            public Logits {
                if (!(temperature > 0 && temperature <= 100)) {
                    throw new InvalidInputException(
                            "--temperature must be above 0 and at most 100, got " + temperature);
                }
                if (!(hiddenWeight >= 0 && hiddenWeight <= 1e6)) {
                    throw new InvalidInputException(
                            "--hidden-loss must be at least 0, got " + hiddenWeight);
                }
            }
        }

        /// The negative log likelihood of the next token; without a teacher.
        record Text() implements Objective {}
    }

    /// How long it is trained.
    public sealed interface Length {

        /// So many minutes, from the start of the process's run to its output, as far as the first steps tell.
        record Minutes(double minutes) implements Length {

            /// Checks the range.
            ///
            /// @throws InvalidInputException when it is left
            public Minutes {
                if (!(minutes > 0 && minutes <= 1e6)) {
                    throw new InvalidInputException("--minutes must be above 0, got " + minutes);
                }
            }
        }

        /// So many minutes for a run and for the pruning before it: [Recovery#after] says what is left.
        record Total(double minutes) implements Length {

            /// Checks the range.
            ///
            /// @throws InvalidInputException when it is left
            public Total {
                if (!(minutes > 0 && minutes <= 1e6)) {
                    throw new InvalidInputException("--minutes must be above 0, got " + minutes);
                }
            }
        }

        /// At least so many tokens, a text that is gone through several times counted each time.
        record Tokens(long tokens) implements Length {

            /// Checks the range.
            ///
            /// @throws InvalidInputException when it is left
            public Tokens {
                if (tokens < 1) {
                    throw new InvalidInputException("--tokens must be at least 1, got " + tokens);
                }
            }
        }
    }

    /// Checks the ranges.
    ///
    /// @throws InvalidInputException when one is left
    public Recovery {
        learningRate.ifPresent(rate -> {
            if (!(rate > 0 && rate < 1)) {
                throw new InvalidInputException("--lr must be between 0 and 1, got " + rate);
            }
        });
        values.ifPresent(packed -> {
            if (!packed.isQuantised()) {
                throw new InvalidInputException(
                        "--values is int8 or int4, got %s; leave it out for an ordinary checkpoint"
                                .formatted(packed.label()));
            }
            if (scope instanceof Scope.Norms) {
                throw new InvalidInputException(
                        "--values goes with --train all or lora; to train the norms of packed values, give a packed model");
            }
        });
        if (seqlen.isPresent() && seqlen.getAsInt() < 2) {
            throw new InvalidInputException(
                    "--seqlen must be at least 2, got " + seqlen.getAsInt());
        }
    }

    /// How many minutes it takes, where it is bounded by them and no longer by a total.
    public OptionalDouble minutes() {
        return length instanceof Length.Minutes(double minutes)
                ? OptionalDouble.of(minutes)
                : OptionalDouble.empty();
    }

    /// The optimiser's rate at its peak. Where all weights are trained towards the teacher, it goes by the way there: proportional to the
    /// loss, as steps that bring a model nearer that is far away take one away that is near, and to one over the root of the number of
    /// steps.
    ///
    /// @param before loss of the held-out windows before the first step
    /// @param steps in all; empty as long as that is not known, which counts as few: a rate that is too high for the first of many does no harm, and one that is
    ///     too low for the first of few does
    double rate(double before, Optional<Integer> steps) {
        return learningRate.orElseGet(() -> {
            double usual = scope.learningRate();
            boolean byLoss =
                    scope instanceof Scope.All
                            && objective instanceof Objective.Logits(double _, double hidden)
                            && hidden == 0;
            double counted = Math.min(MANY_STEPS, steps.orElse(FEW_STEPS));
            double rate =
                    byLoss
                            ? Math.min(LARGEST_RATE, RATE_BY_LOSS * before / Math.sqrt(counted))
                            : usual;
            return values.isPresent() ? Math.min(rate, usual * ROUNDED) : rate;
        });
    }

    /// This recovery behind a pruning that took so many seconds: of a total time what is left, but a minute at least.
    public Recovery after(double seconds) {
        return length instanceof Length.Total(double minutes)
                ? new Recovery(
                        scope,
                        objective,
                        new Length.Minutes(Math.max(LEAST_MINUTES, minutes - seconds / 60)),
                        learningRate,
                        seqlen,
                        seed,
                        values,
                        type)
                : this;
    }

    /// This recovery for a model, with nothing left open but what its loss decides; of a total time nothing is taken.
    public Recovery resolve(Architecture architecture) {
        return new Recovery(
                scope,
                objective,
                after(0).length,
                learningRate,
                OptionalInt.of(seqlen.orElse(Math.min(LONGEST_WINDOW, architecture.positions()))),
                seed,
                values,
                Optional.of(type.orElseGet(ComputeType::fastest)));
    }
}
