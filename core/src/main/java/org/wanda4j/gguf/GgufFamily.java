package org.wanda4j.gguf;

import static java.util.Map.entry;
import static org.wanda4j.gguf.GgufFamily.Trait.ALIBI;
import static org.wanda4j.gguf.GgufFamily.Trait.ATTENTION_CAP;
import static org.wanda4j.gguf.GgufFamily.Trait.ATTENTION_SCALE;
import static org.wanda4j.gguf.GgufFamily.Trait.BLOCKS_WITHOUT_POSITIONS;
import static org.wanda4j.gguf.GgufFamily.Trait.CLIP;
import static org.wanda4j.gguf.GgufFamily.Trait.EMBEDDING_NORM;
import static org.wanda4j.gguf.GgufFamily.Trait.EMBEDDING_SCALE;
import static org.wanda4j.gguf.GgufFamily.Trait.EXPERTS;
import static org.wanda4j.gguf.GgufFamily.Trait.LEARNED_POSITIONS;
import static org.wanda4j.gguf.GgufFamily.Trait.LOGIT_CAP;
import static org.wanda4j.gguf.GgufFamily.Trait.LOGIT_SCALE;
import static org.wanda4j.gguf.GgufFamily.Trait.NORMALISED_EXPERTS;
import static org.wanda4j.gguf.GgufFamily.Trait.NORMS_AFTER;
import static org.wanda4j.gguf.GgufFamily.Trait.PARALLEL;
import static org.wanda4j.gguf.GgufFamily.Trait.QUERY_NORM;
import static org.wanda4j.gguf.GgufFamily.Trait.RESIDUAL_SCALE;
import static org.wanda4j.gguf.GgufFamily.Trait.ROTARY_FACTORS;
import static org.wanda4j.gguf.GgufFamily.Trait.WINDOW;

import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/// What llama.cpp computes for a family: how it names the architecture, and in which order and with what a file of it comes.
///
/// @param name value of `general.architecture`
/// @param rotation which values of a head turn together
/// @param biases which linears have biases
/// @param joined which linears are one tensor
/// @param head where the matrix of the logits is
/// @param gelu whether the MLP's function is GELU; else it is SiLU
/// @param must traits that the computation always has
/// @param may traits that it has where keys or tensors say so
record GgufFamily(
        String name,
        Rotation rotation,
        Biases biases,
        Joined joined,
        Head head,
        boolean gelu,
        Set<Trait> must,
        Set<Trait> may) {

    /// Which two values of a head turn together.
    enum Rotation {
        /// `2i` and `2i + 1`.
        NEIGHBOURS,
        /// `i` and `i + size / 2`.
        HALVES,
        /// None.
        NONE
    }

    /// Which linears have biases.
    enum Biases {
        NONE,
        /// Query, key and value may.
        QKV,
        /// Each may.
        ANY,
        /// Each has.
        ALL
    }

    /// Linears whose rows lie one behind the other in one tensor.
    enum Joined {
        NOTHING,
        /// Query, key, value.
        QKV,
        /// Gate, up.
        GATE_UP,
        QKV_AND_GATE_UP;

        boolean qkv() {
            return this == QKV || this == QKV_AND_GATE_UP;
        }

        boolean gateUp() {
            return this == GATE_UP || this == QKV_AND_GATE_UP;
        }
    }

    /// Where the matrix of the logits is.
    enum Head {
        /// In a tensor of its own, which is left out where it is the embedding.
        OPTIONAL,
        /// In a tensor of its own, a copy where it is the embedding.
        OWN,
        /// It is the embedding.
        TIED
    }

    /// What a decoder has beyond norm, attention, norm, MLP.
    enum Trait {
        PARALLEL("branches that read the same input"),
        ALIBI("attention with linear biases"),
        LEARNED_POSITIONS("learned positions"),
        BLOCKS_WITHOUT_POSITIONS("blocks without positions"),
        ROTARY_FACTORS("a rotation with factors of each frequency"),
        EMBEDDING_SCALE("a scale of the embedding"),
        EMBEDDING_NORM("a norm behind the embedding"),
        RESIDUAL_SCALE("a scale of what a branch adds"),
        /// Where it cannot be said, it is in the queries.
        ATTENTION_SCALE("a scale of attention's products"),
        ATTENTION_CAP("a cap of attention's products"),
        CLIP("a limit of queries, keys and values"),
        QUERY_NORM("norms of queries and keys"),
        NORMS_AFTER("norms behind attention and MLP"),
        WINDOW("windows of attention"),
        LOGIT_SCALE("a scale of the logits"),
        LOGIT_CAP("a cap of the logits"),
        EXPERTS("a mixture of experts"),
        NORMALISED_EXPERTS("weights of experts that are divided by their sum");

        private final String words;

        Trait(String words) {
            this.words = words;
        }

        String words() {
            return words;
        }
    }

    private static final GgufFamily LLAMA =
            of("llama", Rotation.NEIGHBOURS)
                    .with(Biases.ANY)
                    .sometimes(ROTARY_FACTORS, EXPERTS, NORMALISED_EXPERTS);
    private static final GgufFamily GRANITE =
            of("granite", Rotation.NEIGHBOURS)
                    .with(Biases.ANY)
                    .sometimes(
                            ROTARY_FACTORS,
                            EMBEDDING_SCALE,
                            RESIDUAL_SCALE,
                            ATTENTION_SCALE,
                            LOGIT_SCALE);
    private static final GgufFamily GRANITE_MOE =
            GRANITE.named("granitemoe").always(EXPERTS, NORMALISED_EXPERTS);
    private static final GgufFamily GEMMA3 =
            of("gemma3", Rotation.HALVES)
                    .withGelu()
                    .always(EMBEDDING_SCALE, QUERY_NORM, NORMS_AFTER)
                    .sometimes(WINDOW, LOGIT_CAP);

    /// By `model_type`.
    private static final Map<String, GgufFamily> FAMILIES =
            Map.ofEntries(
                    entry("llama", LLAMA),
                    entry("mistral", LLAMA),
                    entry("mistral3", LLAMA),
                    entry("mixtral", LLAMA),
                    entry("granite", GRANITE),
                    entry("granitemoe", GRANITE_MOE),
                    entry("granitemoeshared", GRANITE_MOE),
                    entry(
                            "smollm3",
                            of("smollm3", Rotation.NEIGHBOURS).sometimes(BLOCKS_WITHOUT_POSITIONS)),
                    entry("olmo", of("olmo", Rotation.NEIGHBOURS).sometimes(CLIP)),
                    entry(
                            "olmo2",
                            of("olmo2", Rotation.HALVES)
                                    .with(Head.OWN)
                                    .always(QUERY_NORM, NORMS_AFTER)),
                    entry("qwen2", of("qwen2", Rotation.HALVES)),
                    entry("qwen3", of("qwen3", Rotation.HALVES).always(QUERY_NORM)),
                    entry(
                            "qwen2_moe",
                            of("qwen2moe", Rotation.HALVES).with(Head.OWN).always(EXPERTS)),
                    entry(
                            "qwen3_moe",
                            of("qwen3moe", Rotation.HALVES)
                                    .always(QUERY_NORM, EXPERTS, NORMALISED_EXPERTS)),
                    entry(
                            "gemma",
                            of("gemma", Rotation.HALVES)
                                    .with(Head.TIED)
                                    .withGelu()
                                    .always(EMBEDDING_SCALE)),
                    entry(
                            "gemma2",
                            of("gemma2", Rotation.HALVES)
                                    .with(Head.TIED)
                                    .withGelu()
                                    .always(
                                            EMBEDDING_SCALE,
                                            NORMS_AFTER,
                                            WINDOW,
                                            ATTENTION_CAP,
                                            LOGIT_CAP)),
                    entry("gemma3", GEMMA3),
                    entry("gemma3_text", GEMMA3),
                    entry(
                            "phi",
                            of("phi2", Rotation.HALVES)
                                    .with(Biases.ALL)
                                    .with(Head.OWN)
                                    .withGelu()
                                    .always(PARALLEL)),
                    entry(
                            "phi3",
                            of("phi3", Rotation.HALVES)
                                    .with(Joined.QKV_AND_GATE_UP)
                                    .sometimes(ROTARY_FACTORS)),
                    entry(
                            "glm4",
                            of("glm4", Rotation.NEIGHBOURS)
                                    .with(Joined.GATE_UP)
                                    .always(NORMS_AFTER)),
                    entry(
                            "cohere",
                            of("command-r", Rotation.NEIGHBOURS)
                                    .with(Head.TIED)
                                    .always(PARALLEL)
                                    .sometimes(LOGIT_SCALE)),
                    entry(
                            "starcoder2",
                            of("starcoder2", Rotation.HALVES).with(Biases.ALL).withGelu()),
                    entry(
                            "stablelm",
                            of("stablelm", Rotation.HALVES)
                                    .with(Head.OWN)
                                    .sometimes(PARALLEL, QUERY_NORM)),
                    entry(
                            "gpt_neox",
                            of("gptneox", Rotation.HALVES)
                                    .with(Biases.ALL)
                                    .with(Joined.QKV)
                                    .with(Head.OWN)
                                    .withGelu()
                                    .sometimes(PARALLEL)),
                    entry(
                            "falcon",
                            of("falcon", Rotation.HALVES)
                                    .with(Biases.NONE)
                                    .with(Joined.QKV)
                                    .withGelu()
                                    .always(PARALLEL)),
                    entry(
                            "gpt2",
                            of("gpt2", Rotation.NONE)
                                    .with(Biases.ALL)
                                    .with(Joined.QKV)
                                    .withGelu()
                                    .always(LEARNED_POSITIONS)),
                    entry(
                            "bloom",
                            of("bloom", Rotation.NONE)
                                    .with(Biases.ALL)
                                    .with(Joined.QKV)
                                    .withGelu()
                                    .always(ALIBI, EMBEDDING_NORM)));

    /// The family of this `model_type`, where llama.cpp has it.
    static Optional<GgufFamily> of(String modelType) {
        return Optional.ofNullable(FAMILIES.get(modelType));
    }

    /// The names of all architectures, in alphabetical order.
    static SortedSet<String> names() {
        return FAMILIES.values().stream()
                .map(GgufFamily::name)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /// The `model_type` of a file of the architecture `name`: where several share it, the one that has what the file has.
    ///
    /// @param has whether the file has a tensor
    static Optional<String> modelType(String name, Predicate<String> has) {
        boolean mixture = has.test("blk.0.ffn_gate_inp.weight");
        boolean shared = has.test("blk.0.ffn_up_shexp.weight");
        return switch (name) {
            case "llama" -> Optional.of(mixture ? "mixtral" : "llama");
            case "granitemoe" -> Optional.of(shared ? "granitemoeshared" : "granitemoe");
            case "gemma3" -> Optional.of("gemma3_text");
            default ->
                    FAMILIES.entrySet().stream()
                            .filter(each -> each.getValue().name().equals(name))
                            .map(Map.Entry::getKey)
                            .findFirst();
        };
    }

    /// A llama with nothing beside.
    private static GgufFamily of(String name, Rotation rotation) {
        return new GgufFamily(
                name,
                rotation,
                Biases.QKV,
                Joined.NOTHING,
                Head.OPTIONAL,
                false,
                Set.of(),
                Set.of());
    }

    private GgufFamily named(String other) {
        return new GgufFamily(other, rotation, biases, joined, head, gelu, must, may);
    }

    private GgufFamily with(Joined linears) {
        return new GgufFamily(name, rotation, biases, linears, head, gelu, must, may);
    }

    private GgufFamily with(Biases linears) {
        return new GgufFamily(name, rotation, linears, joined, head, gelu, must, may);
    }

    private GgufFamily with(Head place) {
        return new GgufFamily(name, rotation, biases, joined, place, gelu, must, may);
    }

    private GgufFamily withGelu() {
        return new GgufFamily(name, rotation, biases, joined, head, true, must, may);
    }

    private GgufFamily always(Trait first, Trait... others) {
        return new GgufFamily(
                name, rotation, biases, joined, head, gelu, EnumSet.of(first, others), may);
    }

    private GgufFamily sometimes(Trait first, Trait... others) {
        return new GgufFamily(
                name, rotation, biases, joined, head, gelu, must, EnumSet.of(first, others));
    }
}
