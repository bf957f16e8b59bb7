package org.wanda4j.gguf;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.gguf.GgufFamily.Biases;
import org.wanda4j.gguf.GgufFamily.Trait;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Attention.Alibi;
import org.wanda4j.model.Attention.NoPositions;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mixer;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Rotary;
import org.wanda4j.model.Rotary.Scaling;

/// Checks that llama.cpp computes, from a file of a family, what a model computes.
final class ModelTraits {

    /// How far two numbers may be apart that stand for the same one.
    private static final double NEAR = 1e-6;

    private final Architecture model;
    private final GgufFamily family;

    private ModelTraits(Architecture model, GgufFamily family) {
        this.model = model;
        this.family = family;
    }

    /// The family that llama.cpp has for `model`.
    ///
    /// @throws InvalidInputException when it has none, or none that computes the same
    static GgufFamily check(Architecture model) {
        GgufFamily family =
                GgufFamily.of(model.family())
                        .orElseThrow(() ->
                                new InvalidInputException(
                                        "llama.cpp has no architecture for model_type '%s': the model cannot be a GGUF file"
                                                .formatted(model.family())));
        new ModelTraits(model, family).check();
        return family;
    }

    private void check() {
        Set<Trait> traits = of(model);
        for (Trait trait : Trait.values()) {
            boolean has = traits.contains(trait);
            boolean may = family.may().contains(trait) || trait == Trait.WINDOW;
            if (has && !may && !family.must().contains(trait)) {
                throw refused("the model has " + trait.words() + ", which it has not");
            }
            if (!has && family.must().contains(trait) && trait != Trait.WINDOW) {
                throw refused("the model lacks " + trait.words() + ", which it always has");
            }
        }
        if (family.head() == GgufFamily.Head.TIED
                && !model.head().table().equals(model.embedding().tokens())) {
            throw refused("the model's head has weights of its own");
        }
        if (model.embedding().project().isPresent() || model.head().project().isPresent()) {
            throw refused("the model's embedding has another width than its blocks");
        }
        if (model.blocks().stream().flatMap(Block::attentions).count() != model.blocks().size()
                || model.blocks().stream().anyMatch(block -> !isAttentionThenMlp(block))) {
            throw refused("not every block of the model is attention and an MLP of one kind");
        }
        model.blocks().forEach(this::checkPositions);
        model.blocks().forEach(this::checkBiases);
        branches().map(Branch::mixer).forEach(this::checkActivation);
    }

    private boolean isAttentionThenMlp(Block block) {
        return block.branches().size() == 2
                && block.branches().getFirst().mixer() instanceof Attention
                && block.branches().stream().allMatch(branch -> branch.behind().isEmpty())
                && second(block).getClass() == second(model.blocks().getFirst()).getClass();
    }

    private static Mixer second(Block block) {
        return block.branches().getLast().mixer();
    }

    private void checkPositions(Block block) {
        boolean rotates = family.rotation() != GgufFamily.Rotation.NONE;
        block.attentions()
                .forEach(attention -> {
                    boolean is = attention.rotary().isPresent();
                    boolean mayLack = family.may().contains(Trait.BLOCKS_WITHOUT_POSITIONS);
                    if (is != rotates && !mayLack) {
                        throw refused("the model's positions enter in another way");
                    }
                });
    }

    private void checkBiases(Block block) {
        Attention attention = (Attention) block.branches().getFirst().mixer();
        List<Linear> inputs = List.of(attention.query(), attention.key(), attention.value());
        for (Linear linear : block.linears()) {
            boolean may =
                    switch (family.biases()) {
                        case NONE -> false;
                        case QKV -> inputs.contains(linear);
                        case ANY, ALL -> true;
                    };
            boolean has = linear.bias().isPresent();
            if (has ? !may : family.biases() == Biases.ALL) {
                throw refused("%s has %s bias".formatted(linear.name(), has ? "a" : "no"));
            }
        }
    }

    private void checkActivation(Mixer mixer) {
        switch (mixer) {
            case Mlp mlp -> {
                boolean fits =
                        family.gelu()
                                ? mlp.activation() == Activation.GELU
                                        || mlp.activation() == Activation.GELU_TANH
                                : mlp.activation() == Activation.SILU;
                if (!fits) {
                    throw refused(
                            "the model's MLP has the function %s, which it has not"
                                    .formatted(mlp.activation()));
                }
            }
            case Experts experts -> experts.experts().forEach(this::checkActivation);
            case Attention _ -> {}
        }
    }

    /// What `model` has beyond norm, attention, norm, MLP.
    private static Set<Trait> of(Architecture model) {
        Set<Trait> traits = EnumSet.noneOf(Trait.class);
        add(traits, Trait.EMBEDDING_SCALE, differs(model.embedding().scale(), 1));
        add(traits, Trait.EMBEDDING_NORM, model.embedding().norm().isPresent());
        add(traits, Trait.LEARNED_POSITIONS, model.embedding().positions().isPresent());
        add(traits, Trait.LOGIT_SCALE, differs(model.head().scale(), 1));
        add(traits, Trait.LOGIT_CAP, model.head().cap().isPresent());
        add(traits, Trait.PARALLEL, model.blocks().stream().anyMatch(Block::parallel));
        add(traits, Trait.RESIDUAL_SCALE, any(model, it -> differs(it.multiplier(), 1)));
        add(traits, Trait.NORMS_AFTER, any(model, it -> it.after().isPresent()));
        List<Attention> attentions = model.blocks().stream().flatMap(Block::attentions).toList();
        for (Attention attention : attentions) {
            add(traits, Trait.ALIBI, attention.positions() instanceof Alibi);
            add(traits, Trait.ATTENTION_CAP, attention.cap().isPresent());
            add(traits, Trait.CLIP, attention.clip().isPresent());
            add(traits, Trait.QUERY_NORM, attention.queryNorm().isPresent());
            add(traits, Trait.WINDOW, attention.window().isPresent());
            add(
                    traits,
                    Trait.BLOCKS_WITHOUT_POSITIONS,
                    attention.positions() instanceof NoPositions
                            && model.embedding().positions().isEmpty());
            add(
                    traits,
                    Trait.ROTARY_FACTORS,
                    attention.rotary().map(ModelTraits::hasFactors).orElse(false));
        }
        for (Block block : model.blocks()) {
            if (second(block) instanceof Experts experts) {
                add(traits, Trait.EXPERTS, true);
                add(traits, Trait.NORMALISED_EXPERTS, experts.normalised());
            }
        }
        return traits;
    }

    private static boolean hasFactors(Rotary rotary) {
        return rotary.scaling() instanceof Scaling.Llama3
                || rotary.scaling() instanceof Scaling.LongRope;
    }

    /// What queries are multiplied by before they are written: the model's scale of the products by the one that llama.cpp
    /// has where the file cannot say another one.
    static double foldedScale(Architecture model, GgufFamily family, Attention attention) {
        if (family.may().contains(Trait.ATTENTION_SCALE)) {
            return 1;
        }
        double width =
                scaledWidth(
                        family,
                        model.blocks().size(),
                        model.hidden(),
                        attention.heads(),
                        attention.headSize());
        double factor = attention.scale() * Math.sqrt(width);
        return differs(factor, 1) ? factor : 1;
    }

    /// The number whose root llama.cpp divides attention's products by: the width of a head. Of the largest Gemmas it is
    /// `hidden / heads`; it knows them by their number of blocks.
    static double scaledWidth(
            GgufFamily family, long blocks, long hidden, long heads, int headSize) {
        boolean isLargest =
                (family.name().equals("gemma2") && blocks == 46)
                        || (family.name().equals("gemma3") && blocks == 62);
        return isLargest ? (double) hidden / heads : headSize;
    }

    private static boolean differs(double value, double other) {
        return Math.abs(value - other) > NEAR * Math.abs(other);
    }

    private static void add(Set<Trait> traits, Trait trait, boolean has) {
        if (has) {
            traits.add(trait);
        }
    }

    private static boolean any(Architecture model, Predicate<Branch> test) {
        return model.blocks().stream().flatMap(block -> block.branches().stream()).anyMatch(test);
    }

    private Stream<Branch> branches() {
        return model.blocks().stream().flatMap(block -> block.branches().stream());
    }

    private InvalidInputException refused(String what) {
        return new InvalidInputException(
                "llama.cpp's architecture '%s' does not compute this model: %s"
                        .formatted(family.name(), what));
    }
}
