package org.wanda4j.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// How a byte-level tokenizer cuts a text into words, as `pre_tokenizer` of a `tokenizer.json` and as `tokenizer.ggml.pre` of a
/// GGUF file. That is a name of regular expressions which are part of llama.cpp, so that a way of cutting without a name
/// cannot be written.
///
/// The steps are compared, not a model's vocabulary: a tokenizer with other words and the same steps has the same name.
public final class PreTokenizers {

    private static final String WORDS =
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}";
    private static final String REST =
            "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String CAPITALS_FIRST =
            "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+";
    private static final String CAPITALS_ALONE =
            "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*";
    private static final String ENDING = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
    private static final String REST_WITH_SLASH =
            "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /// The split that is part of `ByteLevel`: GPT-2's.
    private static final String BYTE_LEVEL = "gpt2";

    private static final String DIGIT = "digit";
    private static final String DIGITS = "digits";
    private static final String PUNCTUATION = "punctuation";

    /// Steps with a name. Of those with several, `llama-bpe` takes a word that is in the vocabulary whole, without merging.
    private static final Map<String, List<String>> STEPS =
            Map.of(
                    "gpt-2", List.of(BYTE_LEVEL),
                    "smollm", List.of(DIGIT, BYTE_LEVEL),
                    "qwen2", List.of(WORDS + REST),
                    "llama-bpe", List.of(WORDS + "{1,3}" + REST),
                    "dbrx", List.of(WORDS + "{1,3}" + REST),
                    "gpt-4o",
                            List.of(
                                    CAPITALS_FIRST
                                            + ENDING
                                            + "|"
                                            + CAPITALS_ALONE
                                            + ENDING
                                            + "|\\p{N}{1,3}"
                                            + REST_WITH_SLASH),
                    "tekken",
                            List.of(
                                    CAPITALS_FIRST
                                            + "|"
                                            + CAPITALS_ALONE
                                            + "|\\p{N}"
                                            + REST_WITH_SLASH),
                    "falcon", List.of(PUNCTUATION, BYTE_LEVEL, DIGITS, "[0-9][0-9][0-9]"),
                    "bloom", List.of(" ?[^(\\s|[.,!?…。，、।۔،])]+"));

    /// Other names for the same steps.
    private static final Map<String, String> SAME =
            Map.ofEntries(
                    Map.entry("phi-2", "gpt-2"),
                    Map.entry("olmo", "gpt-2"),
                    Map.entry("mpt", "gpt-2"),
                    Map.entry("exaone4", "gpt-2"),
                    Map.entry("starcoder", "smollm"),
                    Map.entry("refact", "smollm"),
                    Map.entry("command-r", "smollm"),
                    Map.entry("codeshell", "smollm"),
                    Map.entry("stablelm2", "qwen2"),
                    Map.entry("deepseek-r1-qwen", "qwen2"),
                    Map.entry("megrez", "qwen2"),
                    Map.entry("llama3", "llama-bpe"),
                    Map.entry("llama-v3", "llama-bpe"),
                    Map.entry("falcon3", "llama-bpe"),
                    Map.entry("smaug-bpe", "dbrx"),
                    Map.entry("glm4", "dbrx"),
                    Map.entry("chatglm-bpe", "dbrx"),
                    Map.entry("llama4", "gpt-4o"));

    private PreTokenizers() {}

    /// llama.cpp's name for the steps of a `tokenizer.json`, where it has one.
    public static Optional<String> name(JsonNode tokenizer) {
        List<String> steps = new ArrayList<>();
        addSteps(tokenizer.path("pre_tokenizer"), steps);
        boolean whole = takesWords(tokenizer.path("model"));
        return STEPS.entrySet().stream()
                .filter(named -> named.getValue().equals(steps))
                .map(Map.Entry::getKey)
                .filter(name -> !name.equals(whole ? "dbrx" : "llama-bpe"))
                .findFirst();
    }

    private static boolean takesWords(JsonNode model) {
        return model.path("ignore_merges").asBoolean(false);
    }

    private static void addSteps(JsonNode step, List<String> steps) {
        switch (step.path("type").asString("")) {
            case "Sequence" -> step.path("pretokenizers").forEach(each -> addSteps(each, steps));
            case "ByteLevel" -> {
                if (step.path("add_prefix_space").asBoolean(false)) {
                    steps.add("prefix space");
                }
                if (step.path("use_regex").asBoolean(true)) {
                    steps.add(BYTE_LEVEL);
                }
            }
            case "Digits" ->
                    steps.add(step.path("individual_digits").asBoolean(false) ? DIGIT : DIGITS);
            case "Punctuation" -> steps.add(PUNCTUATION);
            case "Split" -> {
                JsonNode pattern = step.path("pattern");
                steps.add(pattern.path("Regex").asString(pattern.path("String").asString("")));
            }
            default -> steps.add(step.toString());
        }
    }

    /// Puts the steps with this name into a `tokenizer.json`.
    ///
    /// @return whether they are known
    static boolean put(String name, ObjectNode tokenizer) {
        String own = SAME.getOrDefault(name, name);
        List<String> steps = STEPS.get(own);
        if (steps == null) {
            return false;
        }
        ArrayNode list =
                tokenizer
                        .putObject("pre_tokenizer")
                        .put("type", "Sequence")
                        .putArray("pretokenizers");
        for (String step : steps) {
            list.add(
                    switch (step) {
                        case BYTE_LEVEL -> byteLevel(true);
                        case DIGIT -> node("Digits").put("individual_digits", true);
                        case DIGITS -> node("Digits").put("individual_digits", false);
                        case PUNCTUATION -> node("Punctuation").put("behavior", "Contiguous");
                        default -> split(step);
                    });
        }
        if (!steps.contains(BYTE_LEVEL)) {
            list.add(byteLevel(false));
        }
        ((ObjectNode) tokenizer.path("model"))
                .put("ignore_merges", own.equals("llama-bpe") || own.equals("tekken"));
        return true;
    }

    private static ObjectNode node(String type) {
        return JsonNodeFactory.instance.objectNode().put("type", type);
    }

    private static ObjectNode byteLevel(boolean splits) {
        return node("ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", splits);
    }

    private static ObjectNode split(String pattern) {
        ObjectNode split = node("Split").put("behavior", "Isolated").put("invert", false);
        split.putObject("pattern").put("Regex", pattern);
        return split;
    }
}
