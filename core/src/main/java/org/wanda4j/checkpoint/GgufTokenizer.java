package org.wanda4j.checkpoint;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The tokenizer of a GGUF file as `tokenizer.json` and `tokenizer_config.json`: `gpt2`, byte-level BPE with its merges, and
/// `llama`, SentencePiece's BPE, whose merges follow from the scores of what they give.
final class GgufTokenizer {

    private static final String PREFIX = "tokenizer.ggml.";
    private static final String SPACE = "\u2581";

    /// Longer tokens are not cut into two to find merges.
    private static final int LONGEST_PIECE = 256;

    /// `llama_token_type`.
    private static final long NORMAL = 1;

    private static final long UNKNOWN = 2;
    private static final long CONTROL = 3;
    private static final long USER_DEFINED = 4;
    private static final long UNUSED = 5;

    private final GgufFile file;
    private final List<String> tokens;
    private final List<Long> types;
    private final ObjectNode json = JsonNodeFactory.instance.objectNode();

    private GgufTokenizer(GgufFile file) {
        this.file = file;
        this.tokens = list("tokens", String.class);
        List<Long> given = list("token_type", Long.class);
        this.types = given.isEmpty() ? tokens.stream().map(_ -> NORMAL).toList() : given;
        if (tokens.isEmpty() || types.size() != tokens.size()) {
            throw file.invalid(
                    "it has %d tokens and types of %d".formatted(tokens.size(), types.size()));
        }
    }

    /// The id of the token with a role: `bos`, `eos`, `unknown`, `padding`.
    static OptionalInt id(GgufFile file, String role) {
        return file.entries().get(PREFIX + role + "_token_id") instanceof Long id
                        && id >= 0
                        && id < Integer.MAX_VALUE
                ? OptionalInt.of(id.intValue())
                : OptionalInt.empty();
    }

    /// `tokenizer.json`; empty where the file has no tokenizer.
    ///
    /// @throws InvalidInputException when it is of a kind that is not read here
    static Optional<ObjectNode> json(GgufFile file) {
        return switch (String.valueOf(file.entries().getOrDefault(PREFIX + "model", "none"))) {
            case "gpt2" -> Optional.of(new GgufTokenizer(file).byteLevel());
            case "llama" -> Optional.of(new GgufTokenizer(file).sentencePiece());
            case "no_vocab", "none" -> Optional.empty();
            case String other ->
                    throw file.invalid(
                            "a tokenizer of the kind '%s' is not read here, those of gpt2 and llama are"
                                    .formatted(other));
        };
    }

    /// `tokenizer_config.json`.
    static ObjectNode config(GgufFile file) {
        ObjectNode config =
                JsonNodeFactory.instance
                        .objectNode()
                        .put("tokenizer_class", "PreTrainedTokenizerFast")
                        .put("clean_up_tokenization_spaces", false);
        List<?> tokens =
                file.entries().get(PREFIX + "tokens") instanceof List<?> list ? list : List.of();
        Map.of("bos", "bos", "eos", "eos", "unknown", "unk", "padding", "pad")
                .forEach((role, name) -> {
                    OptionalInt id = id(file, role);
                    if (id.isPresent() && id.getAsInt() < tokens.size()) {
                        config.put(name + "_token", String.valueOf(tokens.get(id.getAsInt())));
                    }
                });
        if (file.entries().get("tokenizer.chat_template") instanceof String template) {
            config.put("chat_template", template);
        }
        return config;
    }

    private ObjectNode byteLevel() {
        ObjectNode model = begin();
        ArrayNode merges = model.putArray("merges");
        list("merges", String.class).forEach(merges::add);
        String name = String.valueOf(file.entries().get(PREFIX + "pre"));
        if (!PreTokenizers.put(name, json)) {
            throw file.invalid(
                    "it cuts texts into words by '%s' (%spre), which is not known here"
                            .formatted(name, PREFIX));
        }
        json.putObject("decoder")
                .put("type", "ByteLevel")
                .put("add_prefix_space", true)
                .put("trim_offsets", true)
                .put("use_regex", true);
        surround(false);
        return json;
    }

    private ObjectNode sentencePiece() {
        ObjectNode model = begin();
        model.put("byte_fallback", true).put("fuse_unk", true);
        for (int id = 0; id < tokens.size(); id++) {
            if (types.get(id) == UNKNOWN) {
                model.put("unk_token", tokens.get(id));
            }
        }
        ArrayNode merges = model.putArray("merges");
        merges().forEach(merge -> merges.addArray().add(merge.left()).add(merge.right()));
        boolean prepends = flag("add_space_prefix", true);
        ObjectNode normalizer = json.putObject("normalizer").put("type", "Sequence");
        ArrayNode steps = normalizer.putArray("normalizers");
        if (prepends) {
            steps.addObject().put("type", "Prepend").put("prepend", SPACE);
        }
        replace(steps.addObject(), " ", SPACE);
        ObjectNode decoder = json.putObject("decoder").put("type", "Sequence");
        ArrayNode decoders = decoder.putArray("decoders");
        replace(decoders.addObject(), SPACE, " ");
        decoders.addObject().put("type", "ByteFallback");
        decoders.addObject().put("type", "Fuse");
        if (prepends) {
            decoders.addObject()
                    .put("type", "Strip")
                    .put("content", " ")
                    .put("start", 1)
                    .put("stop", 0);
        }
        surround(true);
        return json;
    }

    private static void replace(ObjectNode step, String what, String by) {
        step.put("type", "Replace").put("content", by).putObject("pattern").put("String", what);
    }

    /// The vocabulary and the added tokens.
    private ObjectNode begin() {
        json.put("version", "1.0");
        ArrayNode added = json.putArray("added_tokens");
        ObjectNode model = json.putObject("model").put("type", "BPE");
        ObjectNode vocabulary = model.putObject("vocab");
        for (int id = 0; id < tokens.size(); id++) {
            long type = types.get(id);
            if (type == UNUSED) {
                continue;
            }
            vocabulary.put(tokens.get(id), id);
            if (type == CONTROL || type == USER_DEFINED || type == UNKNOWN) {
                added.addObject()
                        .put("id", id)
                        .put("content", tokens.get(id))
                        .put("single_word", false)
                        .put("lstrip", false)
                        .put("rstrip", false)
                        .put("normalized", false)
                        .put("special", type != USER_DEFINED);
            }
        }
        return model;
    }

    private record Merge(String left, String right, double score, int leftId, int rightId) {}

    /// Every cut of a token into two, the ones with the highest score first.
    private List<Merge> merges() {
        List<Double> scores = list("scores", Double.class);
        if (scores.size() != tokens.size()) {
            throw file.invalid(
                    "it has %d tokens and %d scores".formatted(tokens.size(), scores.size()));
        }
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < tokens.size(); id++) {
            if (types.get(id) == NORMAL) {
                ids.put(tokens.get(id), id);
            }
        }
        List<Merge> merges = new ArrayList<>();
        ids.forEach((token, id) -> {
            for (int cut = 1; cut < Math.min(token.length(), LONGEST_PIECE); cut++) {
                Integer left = ids.get(token.substring(0, cut));
                Integer right = ids.get(token.substring(cut));
                if (left != null && right != null) {
                    merges.add(
                            new Merge(
                                    token.substring(0, cut),
                                    token.substring(cut),
                                    scores.get(id),
                                    left,
                                    right));
                }
            }
        });
        merges.sort(
                Comparator.comparingDouble(Merge::score)
                        .reversed()
                        .thenComparingInt(Merge::leftId)
                        .thenComparingInt(Merge::rightId));
        return merges;
    }

    /// What every text gets before and after it.
    private void surround(boolean byDefault) {
        boolean begins = flag("add_bos_token", byDefault);
        boolean ends = flag("add_eos_token", false);
        ObjectNode template =
                JsonNodeFactory.instance.objectNode().put("type", "TemplateProcessing");
        ArrayNode single = template.putArray("single");
        ArrayNode pair = template.putArray("pair");
        ObjectNode special = template.putObject("special_tokens");
        if (begins) {
            put("bos", single, special);
        }
        piece(single.addObject(), "Sequence", "A");
        piece(pair.addObject(), "Sequence", "A");
        piece(pair.addObject(), "Sequence", "B");
        if (ends) {
            put("eos", single, special);
        }
        if (!special.isEmpty()) {
            json.set("post_processor", template);
        }
    }

    private void put(String role, ArrayNode single, ObjectNode special) {
        OptionalInt id = id(file, role);
        if (id.isPresent() && id.getAsInt() < tokens.size()) {
            String token = tokens.get(id.getAsInt());
            piece(single.addObject(), "SpecialToken", token);
            ObjectNode entry = special.putObject(token).put("id", token);
            entry.putArray("ids").add(id.getAsInt());
            entry.putArray("tokens").add(token);
        }
    }

    private static void piece(ObjectNode piece, String kind, String id) {
        piece.putObject(kind).put("id", id).put("type_id", 0);
    }

    private boolean flag(String key, boolean fallback) {
        return file.entries().get(PREFIX + key) instanceof Boolean flag ? flag : fallback;
    }

    private <T> List<T> list(String key, Class<T> type) {
        List<T> list = new ArrayList<>();
        if (file.entries().get(PREFIX + key) instanceof List<?> given) {
            for (Object value : given) {
                if (!type.isInstance(value)) {
                    throw file.invalid("entry " + PREFIX + key + " holds values of another type");
                }
                list.add(type.cast(value));
            }
        }
        return list;
    }
}
