package org.wanda4j.gguf;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// How a byte-level tokenizer cuts a text into words, and what llama.cpp calls that: `tokenizer.ggml.pre` stands for regular
/// expressions that are part of that program, so that a way of cutting without a name cannot be written.
///
/// The steps of `pre_tokenizer` are compared, not a model's vocabulary: a tokenizer with other words and the same steps has the
/// same name.
final class PreTokenizers {

    private static final String WORDS_OF_LETTERS =
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}";
    private static final String REST =
            "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String UPPER =
            "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+";
    private static final String LOWER =
            "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*";
    private static final String ENDING = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
    private static final String REST_WITH_SLASH =
            "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /// The split that is part of `ByteLevel`: GPT-2's.
    private static final String BYTE_LEVEL = "gpt2";

    private static final String DIGIT = "digit";

    /// Words of letters, three digits together.
    private static final List<String> THREE_DIGITS = List.of(WORDS_OF_LETTERS + "{1,3}" + REST);

    private static final Map<List<String>, String> NAMES =
            Map.of(
                    List.of(BYTE_LEVEL), "gpt-2",
                    List.of(DIGIT, BYTE_LEVEL), "smollm",
                    List.of(WORDS_OF_LETTERS + REST), "qwen2",
                    List.of(
                                    UPPER
                                            + ENDING
                                            + "|"
                                            + LOWER
                                            + ENDING
                                            + "|\\p{N}{1,3}"
                                            + REST_WITH_SLASH),
                            "gpt-4o",
                    List.of(UPPER + "|" + LOWER + "|\\p{N}" + REST_WITH_SLASH), "tekken",
                    List.of("punctuation", BYTE_LEVEL, DIGIT, "[0-9][0-9][0-9]"), "falcon",
                    List.of("punctuation", BYTE_LEVEL, "[0-9][0-9][0-9]"), "falcon",
                    List.of(" ?[^(\\s|[.,!?…。，、।۔،])]+"), "bloom");

    private PreTokenizers() {}

    /// llama.cpp's name for the steps of a `tokenizer.json`, where it has one.
    static Optional<String> name(JsonNode tokenizer) {
        List<String> steps = new ArrayList<>();
        addSteps(tokenizer.path("pre_tokenizer"), steps);
        if (steps.equals(THREE_DIGITS)) {
            // Of the two, one takes a word that is in the vocabulary whole, without merging it.
            boolean whole = tokenizer.path("model").path("ignore_merges").asBoolean(false);
            return Optional.of(whole ? "llama-bpe" : "dbrx");
        }
        return Optional.ofNullable(NAMES.get(steps));
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
                    steps.add(step.path("individual_digits").asBoolean(false) ? DIGIT : "digits");
            case "Punctuation" -> steps.add("punctuation");
            case "Split" -> {
                JsonNode pattern = step.path("pattern");
                steps.add(pattern.path("Regex").asString(pattern.path("String").asString("")));
            }
            default -> steps.add(step.toString());
        }
    }
}
