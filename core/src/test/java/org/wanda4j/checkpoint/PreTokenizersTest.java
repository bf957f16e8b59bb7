package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

class PreTokenizersTest {

    @ParameterizedTest
    @CsvSource({
        "gpt-2,gpt-2",
        "phi-2,gpt-2",
        "smollm,smollm",
        "starcoder,smollm",
        "command-r,smollm",
        "qwen2,qwen2",
        "llama-bpe,llama-bpe",
        "dbrx,dbrx",
        "glm4,dbrx",
        "gpt-4o,gpt-4o",
        "tekken,tekken",
        "falcon,falcon",
        "bloom,bloom"
    })
    void theStepsOfANameHaveThatNameOrOneOfTheSameSteps(String name, String expected) {
        ObjectNode tokenizer = JsonNodeFactory.instance.objectNode();
        tokenizer.putObject("model");
        assertTrue(PreTokenizers.put(name, tokenizer));
        assertEquals(Optional.of(expected), PreTokenizers.name(tokenizer));
    }

    /// As in the `tokenizer.json` of Llama 3; without `ignore_merges` that of OLMo 2.
    @Test
    void llama3IsKnownByItsExpression() {
        String steps =
                """
                {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                  {"type": "Split", "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"},
                   "behavior": "Isolated", "invert": false},
                  {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
                 "model": {"ignore_merges": %s}}
                """;
        assertEquals(Optional.of("llama-bpe"), PreTokenizers.name(json(steps.formatted(true))));
        assertEquals(Optional.of("dbrx"), PreTokenizers.name(json(steps.formatted(false))));
    }

    @Test
    void otherStepsHaveNoName() {
        assertEquals(
                Optional.empty(),
                PreTokenizers.name(
                        json(
                                "{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true}}")));
        assertFalse(PreTokenizers.put("deepseek-llm", JsonNodeFactory.instance.objectNode()));
    }

    private static ObjectNode json(String text) {
        return Json.parse(text.getBytes(StandardCharsets.UTF_8), "test");
    }
}
