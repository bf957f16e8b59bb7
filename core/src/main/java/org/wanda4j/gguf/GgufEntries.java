package org.wanda4j.gguf;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.GgmlType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;
import org.wanda4j.model.Rotary;
import org.wanda4j.model.Rotary.Scaling;

/// The entries of a GGUF file that say what the model computes.
///
/// Source of the names: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, and `llama-arch.cpp` of llama.cpp.
final class GgufEntries {

    private final Architecture model;
    private final GgufFamily family;
    private final Map<String, Object> entries = new LinkedHashMap<>();
    private final List<String> notes = new ArrayList<>();

    private GgufEntries(Architecture model, GgufFamily family) {
        this.model = model;
        this.family = family;
    }

    /// The entries, and what a user should know of how far they go.
    record Result(Map<String, Object> entries, List<String> notes) {}

    /// The entries of `model`.
    ///
    /// @param name what people call it
    static Result of(Architecture model, GgufFamily family, String name, GgmlType type) {
        var it = new GgufEntries(model, family);
        it.general(name, type);
        it.sizes();
        it.norms();
        it.attention();
        it.positions();
        it.windows();
        it.experts();
        it.scales();
        return new Result(it.entries, it.notes);
    }

    private void general(String name, GgmlType type) {
        entries.put("general.architecture", family.name());
        entries.put("general.type", "model");
        entries.put("general.name", name);
        entries.put("general.file_type", fileType(type));
        if (type.isQuantised()) {
            entries.put("general.quantization_version", 2);
        }
    }

    /// The number of a file most of whose tensors have this type (`llama_ftype`).
    private static int fileType(GgmlType type) {
        return switch (type) {
            case F32 -> 0;
            case F16 -> 1;
            case Q4_0 -> 2;
            case Q8_0 -> 7;
            case Q4_K -> 14;
            case BF16 -> 32;
            default -> throw new IllegalArgumentException(type + " is not written");
        };
    }

    private void sizes() {
        put("block_count", model.blocks().size());
        put("context_length", model.positions());
        put("embedding_length", model.hidden());
        put("vocab_size", model.vocabulary());
        put(
                "feed_forward_length",
                switch (model.blocks().getFirst().branches().getLast().mixer()) {
                    case Mlp mlp -> mlp.down().inputs();
                    case Experts experts -> experts.experts().getFirst().down().inputs();
                    case Attention _ ->
                            throw new IllegalStateException("attention where an MLP was");
                });
    }

    private void norms() {
        Norm norm =
                model.head()
                        .norm()
                        .or(() -> firstBranch().before())
                        .orElseThrow(() ->
                                new InvalidInputException("the model has no norm before its head"));
        put(
                norm.kind() == Norm.Kind.RMS
                        ? "attention.layer_norm_rms_epsilon"
                        : "attention.layer_norm_epsilon",
                (float) norm.epsilon());
        if (family.may().contains(GgufFamily.Trait.PARALLEL)) {
            put("use_parallel_residual", model.blocks().getFirst().parallel());
        }
    }

    private void attention() {
        Attention attention = attentions().getFirst();
        put("attention.head_count", attention.heads());
        put("attention.head_count_kv", attention.keyValueHeads());
        put("attention.key_length", attention.headSize());
        put("attention.value_length", attention.headSize());
        attention.cap().ifPresent(cap -> put("attn_logit_softcapping", (float) cap));
        attention.clip().ifPresent(clip -> put("attention.clamp_kqv", (float) clip));
    }

    private void positions() {
        List<Rotary> rotations =
                attentions().stream().flatMap(each -> each.rotary().stream()).toList();
        if (rotations.isEmpty()) {
            return;
        }
        // Blocks with a window may turn by a base of their own.
        Rotary rotary =
                attentions().stream()
                        .filter(each -> each.window().isEmpty())
                        .flatMap(each -> each.rotary().stream())
                        .findFirst()
                        .orElse(rotations.getFirst());
        put("rope.dimension_count", rotary.size());
        put("rope.freq_base", (float) rotary.theta());
        rotations.stream()
                .filter(other -> !other.equals(rotary))
                .findFirst()
                .ifPresent(other -> put("rope.freq_base_swa", (float) other.theta()));
        scaling(rotary);
        int period = 4; // llama.cpp has it as a constant
        for (int i = 0; i < model.blocks().size(); i++) {
            boolean turns = attentions().get(i).rotary().isPresent();
            if (rotations.size() < model.blocks().size() && turns == ((i + 1) % period == 0)) {
                throw new InvalidInputException(
                        "llama.cpp rotates all but every fourth block of a %s, and this model others"
                                .formatted(family.name()));
            }
        }
    }

    private void scaling(Rotary rotary) {
        switch (rotary.scaling()) {
            case Scaling.None _, Scaling.Llama3 _ -> {}
            case Scaling.Dynamic _ ->
                    notes.add(
                            "llama.cpp has no dynamic scaling of positions: texts longer than %,d tokens give other results there"
                                    .formatted(rotary.positions()));
            case Scaling.Linear(double factor) -> {
                put("rope.scaling.type", "linear");
                put("rope.scaling.factor", (float) factor);
            }
            case Scaling.Yarn yarn -> {
                if (yarn.fast() != 32 || yarn.slow() != 1 || !yarn.truncated()) {
                    throw new InvalidInputException(
                            "llama.cpp's %s has YaRN with beta_fast 32 and beta_slow 1, truncated, and this model another one"
                                    .formatted(family.name()));
                }
                put("rope.scaling.type", "yarn");
                put("rope.scaling.factor", (float) yarn.factor());
                put("rope.scaling.original_context_length", yarn.originalPositions());
                // What llama.cpp multiplies by besides.
                double own = 1 + 0.1 * Math.log(yarn.factor());
                put("rope.scaling.attn_factor", (float) (yarn.magnitude() / own));
            }
            case Scaling.LongRope longRope -> {
                put("rope.scaling.type", "longrope");
                put("rope.scaling.original_context_length", longRope.originalPositions());
                put("rope.scaling.attn_factor", longRope.magnitude());
                notes.add(
                        "llama.cpp takes the positions of long texts for short ones too, where its context is larger than %,d tokens"
                                .formatted(longRope.originalPositions()));
            }
        }
    }

    private void windows() {
        OptionalInt window =
                attentions().stream()
                        .flatMapToInt(attention -> attention.window().stream())
                        .findFirst();
        if (window.isEmpty()) {
            return;
        }
        boolean has =
                family.may().contains(GgufFamily.Trait.WINDOW)
                        || family.must().contains(GgufFamily.Trait.WINDOW);
        if (!has) {
            notes.add(
                    "llama.cpp's %s has no window of attention: texts longer than %,d tokens give other results there"
                            .formatted(family.name(), window.getAsInt()));
            return;
        }
        put("attention.sliding_window", window.getAsInt());
        put("attention.sliding_window_pattern", period());
    }

    /// The last of every so many blocks has no window, all others have one.
    private int period() {
        int blocks = model.blocks().size();
        int first =
                IntStream.range(0, blocks)
                        .filter(i -> attentions().get(i).window().isEmpty())
                        .findFirst()
                        .orElse(blocks);
        int period = first + 1;
        for (int i = 0; i < blocks; i++) {
            if (attentions().get(i).window().isPresent() == ((i + 1) % period == 0)) {
                throw new InvalidInputException(
                        "llama.cpp's %s has windows in all but every n-th block, and this model in others"
                                .formatted(family.name()));
            }
        }
        return period;
    }

    private void experts() {
        if (model.blocks().getFirst().branches().getLast().mixer() instanceof Experts experts) {
            put("expert_count", experts.experts().size());
            put("expert_used_count", experts.chosen());
            put("expert_feed_forward_length", experts.experts().getFirst().down().inputs());
            experts.shared()
                    .ifPresent(shared ->
                            put("expert_shared_feed_forward_length", shared.down().inputs()));
        }
    }

    private void scales() {
        if (family.may().contains(GgufFamily.Trait.RESIDUAL_SCALE)) {
            put("embedding_scale", (float) model.embedding().scale());
            put("residual_scale", (float) firstBranch().multiplier());
            put("attention.scale", (float) attentions().getFirst().scale());
            put("logit_scale", (float) (1 / model.head().scale())); // It divides by this.
        } else if (family.may().contains(GgufFamily.Trait.LOGIT_SCALE)) {
            put("logit_scale", (float) model.head().scale());
        }
        model.head().cap().ifPresent(cap -> put("final_logit_softcapping", (float) cap));
    }

    private List<Attention> attentions() {
        return model.blocks().stream().flatMap(Block::attentions).toList();
    }

    private Branch firstBranch() {
        return model.blocks().getFirst().branches().getFirst();
    }

    private void put(String key, Object value) {
        entries.put(family.name() + "." + key, value);
    }
}
