package org.wanda4j.gguf;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.PreTokenizers;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.text.Tokenizer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/// The entries of a GGUF file that hold the tokenizer of a model directory: of byte-level BPE (`gpt2`) the tokens and merges, of
/// BPE on whole characters (SentencePiece's, `llama`) the tokens and their scores.
final class GgufVocabulary {

    private static final String FILE = "tokenizer.json";
    private static final String PREFIX = "tokenizer.ggml.";

    /// What SentencePiece puts for a space.
    private static final String SPACE = "\u2581";

    private static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

    /// A score below that of every merge.
    private static final float LOWEST = -1e6f;

    /// `tokenizer_config.json` and `config.json` call a token so, and the entry for its id is called so.
    private static final Map<String, String> NAMED =
            Map.of(
                    "bos", "bos",
                    "eos", "eos",
                    "unk", "unknown",
                    "pad", "padding",
                    "sep", "seperator", // as in llama.cpp
                    "mask", "mask");

    /// `llama_token_type`.
    private enum Kind {
        NORMAL(1),
        UNKNOWN(2),
        CONTROL(3),
        USER_DEFINED(4),
        UNUSED(5),
        BYTE(6);

        private final int code;

        Kind(int code) {
            this.code = code;
        }
    }

    private final Path directory;
    private final JsonNode json;
    private final String[] tokens;
    private final Kind[] kinds;
    private final Map<String, Integer> ids = new HashMap<>();
    private final Map<String, Object> entries = new LinkedHashMap<>();

    private GgufVocabulary(Path directory, int size) {
        this.directory = directory;
        this.json = Json.read(directory.resolve(FILE));
        this.tokens = new String[size];
        this.kinds = new Kind[size];
    }

    /// The entries for the tokenizer in `directory`; without one there, such that say that there is none.
    ///
    /// @param size number of ids that the model has
    /// @throws InvalidInputException when llama.cpp has no tokenizer of this kind
    static Map<String, Object> of(Path directory, int size) {
        if (!Files.exists(directory.resolve(FILE))) {
            return Map.of(PREFIX + "model", "no_vocab");
        }
        var it = new GgufVocabulary(directory, size);
        it.read();
        it.write();
        return it.entries;
    }

    private void read() {
        JsonNode model = json.path("model");
        if (!model.path("type").asString("BPE").equals("BPE") || !model.path("vocab").isObject()) {
            throw invalid(
                    "a tokenizer of type %s has no counterpart in a GGUF file, BPE has"
                            .formatted(model.path("type").asString("")));
        }
        model.path("vocab").forEachEntry((token, id) -> put(token, id, Kind.NORMAL));
        for (JsonNode added : json.path("added_tokens")) {
            Kind kind = added.path("special").asBoolean(false) ? Kind.CONTROL : Kind.USER_DEFINED;
            put(added.path("content").asString(""), added.path("id"), kind);
        }
        for (int id = 0; id < tokens.length; id++) {
            if (tokens[id] == null) {
                tokens[id] = "[PAD" + id + "]";
                kinds[id] = Kind.UNUSED;
            }
        }
    }

    private void put(String token, JsonNode id, Kind kind) {
        int at = id.asInt(-1);
        if (at < 0) {
            throw invalid("token '%s' has the id %s".formatted(token, id));
        }
        if (at < tokens.length) { // Others have no row in the embedding.
            tokens[at] = token;
            kinds[at] = kind;
            ids.put(token, at);
        }
    }

    private void write() {
        if (has(json.path("decoder"), "ByteLevel")) {
            byteLevel();
        } else {
            sentencePiece();
        }
        entries.put(PREFIX + "token_type", Arrays.stream(kinds).map(kind -> kind.code).toList());
        special();
        ChatTemplate.of(directory)
                .map(ChatTemplate::source)
                .ifPresent(template -> entries.put("tokenizer.chat_template", template));
    }

    private void byteLevel() {
        entries.put(PREFIX + "model", "gpt2");
        entries.put(PREFIX + "pre", preTokenizer());
        entries.put(PREFIX + "tokens", List.of(tokens));
        List<String> merges = merges();
        if (merges.isEmpty()) {
            throw invalid("it has no merges");
        }
        entries.put(PREFIX + "merges", merges);
    }

    private void sentencePiece() {
        boolean replaces =
                has(json.path("normalizer"), "Replace")
                        || has(json.path("pre_tokenizer"), "Metaspace");
        if (!replaces) {
            throw invalid(
                    "neither a byte-level BPE nor one of SentencePiece: a GGUF file cannot hold it");
        }
        List<String> texts = new ArrayList<>();
        for (int id = 0; id < tokens.length; id++) {
            if (BYTE.matcher(tokens[id]).matches()) {
                kinds[id] = Kind.BYTE;
            }
            // Those that a user defined hold spaces as they are.
            boolean own = kinds[id] == Kind.USER_DEFINED;
            texts.add(own ? tokens[id].replace(SPACE, " ") : tokens[id]);
        }
        Optional.ofNullable(ids.get(json.path("model").path("unk_token").asString("")))
                .ifPresent(id -> kinds[id] = Kind.UNKNOWN);
        entries.put(PREFIX + "model", "llama");
        entries.put(PREFIX + "pre", "default");
        entries.put(PREFIX + "tokens", texts);
        entries.put(PREFIX + "scores", scores(merges()));
        entries.put(PREFIX + "add_space_prefix", prependsSpace());
    }

    private List<String> merges() {
        List<String> merges = new ArrayList<>();
        for (JsonNode merge : json.path("model").path("merges")) {
            merges.add(
                    merge.isArray()
                            ? merge.path(0).asString("") + " " + merge.path(1).asString("")
                            : merge.asString(""));
        }
        return merges;
    }

    private String preTokenizer() {
        if (has(json.path("normalizer"), "Prepend") || has(json.path("normalizer"), "Replace")) {
            throw invalid("its normalizer changes texts in a way that a GGUF file cannot say");
        }
        return PreTokenizers.name(json)
                .orElseThrow(() ->
                        invalid(
                                "it cuts texts into words in a way that llama.cpp has no name for (pre_tokenizer)"));
    }

    private boolean prependsSpace() {
        JsonNode steps = json.path("pre_tokenizer");
        return has(json.path("normalizer"), "Prepend")
                || all(steps).stream()
                        .filter(step -> step.path("type").asString("").equals("Metaspace"))
                        .anyMatch(step ->
                                !step.path("prepend_scheme").asString("always").equals("never")
                                        && step.path("add_prefix_space").asBoolean(true));
    }

    /// The earlier a merge, the higher the score of what it gives.
    private List<Float> scores(List<String> merges) {
        Float[] scores = new Float[tokens.length];
        Arrays.fill(scores, LOWEST);
        for (int rank = merges.size() - 1; rank >= 0; rank--) {
            Integer id = ids.get(merges.get(rank).replace(" ", ""));
            if (id != null) {
                scores[id] = (float) -rank;
            }
        }
        return List.of(scores);
    }

    /// Ids of tokens with a role, and which of them every text gets.
    private void special() {
        JsonNode named = optional("tokenizer_config.json");
        JsonNode config = optional("config.json");
        Map<String, Integer> found = new LinkedHashMap<>();
        new TreeMap<>(NAMED)
                .forEach((name, entry) -> {
                    JsonNode token = named.path(name + "_token");
                    String text = token.path("content").asString(token.asString(""));
                    JsonNode configured = config.path(name + "_token_id");
                    int id =
                            ids.getOrDefault(
                                    text,
                                    configured.isIntegralNumber() ? configured.asInt(-1) : -1);
                    if (id >= 0 && id < tokens.length) {
                        found.put(name, id);
                        entries.put(PREFIX + entry + "_token_id", id);
                    }
                });
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            int[] with = tokenizer.encode("a");
            int[] without = tokenizer.encodeAsWritten("a");
            boolean begins = with.length > without.length && is(found.get("bos"), with[0]);
            boolean ends =
                    with.length > without.length + (begins ? 1 : 0)
                            && is(found.get("eos"), with[with.length - 1]);
            if (with.length != without.length + (begins ? 1 : 0) + (ends ? 1 : 0)) {
                throw invalid(
                        "it puts other tokens around a text than bos_token and eos_token, which a GGUF file cannot say");
            }
            entries.put(PREFIX + "add_bos_token", begins);
            entries.put(PREFIX + "add_eos_token", ends);
        }
    }

    private static boolean is(Integer token, int id) {
        return token != null && token == id;
    }

    private JsonNode optional(String name) {
        Path file = directory.resolve(name);
        return Files.exists(file) ? Json.read(file) : MissingNode.getInstance();
    }

    /// Whether a step or one of its sequence has this type.
    private static boolean has(JsonNode step, String type) {
        return all(step).stream().anyMatch(each -> each.path("type").asString("").equals(type));
    }

    private static List<JsonNode> all(JsonNode step) {
        for (String list : List.of("normalizers", "pretokenizers", "decoders")) {
            if (step.path(list).isArray()) {
                return step.path(list).valueStream().toList();
            }
        }
        return step.isObject() ? List.of(step) : Collections.emptyList();
    }

    private InvalidInputException invalid(String what) {
        return new InvalidInputException(directory.resolve(FILE) + ": " + what);
    }
}
