package org.wanda4j.prune;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Consumer;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.allocate.LinearFilter;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.method.Methods;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.tune.Tuning;

/// Everything that decides what a run makes of a checkpoint.
///
/// @param method name of a [org.wanda4j.method.Method]
/// @param pattern which shape the zeros take, and how many there are
/// @param allocation how they are spread over the blocks
/// @param sparsityOf sparsities that are fixed: from a pattern (glob) of the names of linears; a later one overrules
/// @param tuning how what survives is trained, where it is
/// @param order in which inputs are summed up and linears pruned
/// @param type in which the model is computed; the fastest on this CPU where empty
/// @param sampling which windows of the calibration text are taken
/// @param skip patterns of the names of linears that stay dense
/// @param only patterns of the names of linears to prune; all where empty
public record Recipe(
        String method,
        SparsityPattern pattern,
        Allocation allocation,
        SequencedMap<String, Double> sparsityOf,
        Optional<Tuning> tuning,
        CalibrationOrder order,
        Optional<ComputeType> type,
        Sampling sampling,
        List<String> skip,
        List<String> only) {

    /// Tokens of a calibration window, where neither the user nor the model's context sets fewer.
    public static final int LONGEST_WINDOW = 512;

    /// Wanda at 50 %, on 128 packed windows.
    public static final Recipe DEFAULT =
            new Recipe(
                    "wanda",
                    new SparsityPattern.Unstructured(0.5),
                    Allocation.UNIFORM,
                    new LinkedHashMap<>(),
                    Optional.empty(),
                    CalibrationOrder.STAGE,
                    Optional.empty(),
                    new Sampling(CalibrationSampler.PACKED, 128, OptionalInt.empty(), 0),
                    List.of(),
                    List.of());

    /// Which windows of the calibration text are taken.
    ///
    /// @param sampler how
    /// @param windows how many
    /// @param seqlen tokens of each; [Recipe#LONGEST_WINDOW] or what the model can take where empty
    /// @param seed of the sampler
    /// @param allExperts whether every token goes through every expert of a mixture for statistics
    public record Sampling(
            CalibrationSampler sampler,
            int windows,
            OptionalInt seqlen,
            long seed,
            boolean allExperts) {

        /// Windows whose tokens go to the experts that they are routed to.
        public Sampling(CalibrationSampler sampler, int windows, OptionalInt seqlen, long seed) {
            this(sampler, windows, seqlen, seed, false);
        }

        /// Checks the ranges.
        ///
        /// @throws InvalidInputException when one is left
        public Sampling {
            requirePositive("--windows", windows);
            seqlen.ifPresent(length -> requirePositive("--seqlen", length));
        }

        private static void requirePositive(String what, int value) {
            if (value < 1) {
                throw new InvalidInputException(what + " must be at least 1, got " + value);
            }
        }

        /// This with so many windows.
        public Sampling withWindows(int count) {
            return new Sampling(sampler, count, seqlen, seed, allExperts);
        }

        /// This with nothing left open, for a model.
        public Sampling resolve(Architecture architecture) {
            int length = seqlen.orElse(Math.min(LONGEST_WINDOW, architecture.positions()));
            return new Sampling(sampler, windows, OptionalInt.of(length), seed, allExperts);
        }

        /// Takes the windows from `text`, when nothing is left open.
        ///
        /// @param model directory of the tokenizer
        public Windows take(Corpus text, Path model) {
            try (Tokenizer tokenizer = Tokenizer.open(model)) {
                return sampler.sample(text, tokenizer, windows, seqlen.orElseThrow(), seed);
            }
        }
    }

    /// Copies the collections.
    public Recipe {
        sparsityOf = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(sparsityOf));
        skip = List.copyOf(skip);
        only = List.copyOf(only);
    }

    /// This recipe with nothing left open, for a model.
    public Recipe resolve(Architecture architecture) {
        return withType(type.orElseGet(ComputeType::fastest))
                .withSampling(sampling.resolve(architecture));
    }

    /// Whether windows are run: some methods go by the weights alone.
    public boolean needsCalibration() {
        return Methods.named(method).needs() != Statistic.NONE
                || allocation != Allocation.UNIFORM
                || tuning.isPresent();
    }

    /// The linears of a model that are pruned.
    ///
    /// @throws InvalidInputException when a pattern of a name matches none, or nothing is left to prune
    public Set<Linear> linears(Architecture architecture) {
        return LinearFilter.choose(architecture, only, skip);
    }

    /// This recipe by another method.
    public Recipe withMethod(String name) {
        return with(it -> it.method = name);
    }

    /// This recipe with other zeros.
    public Recipe withPattern(SparsityPattern other) {
        return with(it -> it.pattern = other);
    }

    /// This recipe with the zeros spread in another way.
    ///
    /// @param fixed sparsities of some linears, by patterns of their names
    public Recipe withAllocation(Allocation other, SequencedMap<String, Double> fixed) {
        return with(it -> {
            it.allocation = other;
            it.sparsityOf = fixed;
        });
    }

    /// This recipe with training of what survives, or without.
    public Recipe withTuning(Optional<Tuning> other) {
        return with(it -> it.tuning = other);
    }

    /// This recipe in another order.
    public Recipe withOrder(CalibrationOrder other) {
        return with(it -> it.order = other);
    }

    /// This recipe computed in another type.
    public Recipe withType(ComputeType other) {
        return with(it -> it.type = Optional.of(other));
    }

    /// This recipe with other calibration windows.
    public Recipe withSampling(Sampling other) {
        return with(it -> it.sampling = other);
    }

    /// This recipe for some of the linears.
    public Recipe withLinears(List<String> skipped, List<String> chosen) {
        return with(it -> {
            it.skip = skipped;
            it.only = chosen;
        });
    }

    private Recipe with(Consumer<Fields> change) {
        var fields = new Fields(this);
        change.accept(fields);
        return fields.recipe();
    }

    /// A recipe on its way to another one.
    private static final class Fields {

        private String method;
        private SparsityPattern pattern;
        private Allocation allocation;
        private SequencedMap<String, Double> sparsityOf;
        private Optional<Tuning> tuning;
        private CalibrationOrder order;
        private Optional<ComputeType> type;
        private Sampling sampling;
        private List<String> skip;
        private List<String> only;

        Fields(Recipe recipe) {
            this.method = recipe.method;
            this.pattern = recipe.pattern;
            this.allocation = recipe.allocation;
            this.sparsityOf = recipe.sparsityOf;
            this.tuning = recipe.tuning;
            this.order = recipe.order;
            this.type = recipe.type;
            this.sampling = recipe.sampling;
            this.skip = recipe.skip;
            this.only = recipe.only;
        }

        Recipe recipe() {
            return new Recipe(
                    method,
                    pattern,
                    allocation,
                    sparsityOf,
                    tuning,
                    order,
                    type,
                    sampling,
                    skip,
                    only);
        }
    }
}
