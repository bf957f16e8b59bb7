package org.wanda4j.model.families;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.Hostile;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Rotary;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// One model in the forms that its `config.json` has: silent where transformers has a default, as transformers 5 writes it,
/// inside `text_config`, with entries that would change the numbers.
class ConfigFormsTest {

    /// What a configuration says in any case.
    private static final Set<String> SAID =
            Set.of(
                    "model_type",
                    "hidden_size",
                    "intermediate_size",
                    "num_hidden_layers",
                    "num_attention_heads",
                    "vocab_size",
                    "n_embd",
                    "n_layer",
                    "n_head",
                    "ffn_dim");

    @TempDir private Path directory;

    static List<Path> families() {
        return GoldenFamilies.defaults();
    }

    static List<Path> cases() {
        return GoldenFamilies.all();
    }

    @ParameterizedTest
    @MethodSource("families")
    void whatAConfigurationDoesNotSayIsAsTransformersTakesItForGranted(Path complete)
            throws IOException {
        ObjectNode silent = config(complete);
        silent.retain(SAID);
        assertEquals(Families.describe(complete), describe(silent));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void transformers5SaysTheSameInOtherWords(Path golden) {
        Path newer = GoldenFamilies.transformers5(golden.getFileName().toString());
        assertEquals(Families.describe(golden), Families.describe(newer));
    }

    /// As published: all but the sizes that differ from the family's own is left out.
    @Test
    void gemma3SaysLittleOfItsLanguageModel() throws IOException {
        Architecture it =
                describe(
                        """
                        {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"],
                        "mm_tokens_per_image": 256, "torch_dtype": "bfloat16", "vision_config": {"hidden_size": 1152},
                        "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                        "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
                        "sliding_window": 1024}}
                        """);
        assertEquals(262_208, it.vocabulary());
        assertEquals(34, it.blocks().size());
        assertEquals(it.embedding().tokens(), it.head().table());
        assertEquals(OptionalDouble.empty(), it.head().cap());
        Attention local = attention(it, 4);
        Attention global = attention(it, 5);
        assertEquals(
                List.of(8, 4, 256),
                List.of(local.heads(), local.keyValueHeads(), local.headSize()));
        assertEquals(OptionalInt.of(1024), local.window());
        assertEquals(OptionalInt.empty(), global.window());
        assertEquals(
                new Rotary(256, false, 10_000, 131_072, new Rotary.Scaling.None()),
                local.positions());
        assertEquals(
                new Rotary(256, false, 1_000_000, 131_072, new Rotary.Scaling.Linear(8)),
                global.positions());
    }

    @Test
    void theLanguageModelIsTiedWhereItOrWhatIsAroundItSaysSo() throws IOException {
        String config = Files.readString(GoldenFamilies.of("mistral3").resolve("config.json"));
        ObjectNode outside = config(GoldenFamilies.of("mistral3"));
        ((ObjectNode) outside.get("text_config")).remove("tie_word_embeddings");
        assertTrue(!describe(config).head().table().contains("embed_tokens"));
        assertTrue(!describe(outside).head().table().contains("embed_tokens"));
        outside.put("tie_word_embeddings", true);
        assertTrue(describe(outside).head().table().contains("embed_tokens"));
    }

    @ParameterizedTest
    @CsvSource({"gemma3, gemma3_text", "mistral3, mistral"})
    void aLanguageModelOfAnotherTypeIsRefused(String family, String expected) throws IOException {
        ObjectNode config = config(GoldenFamilies.of(family));
        ObjectNode decoder = (ObjectNode) config.get("text_config");
        decoder.remove("model_type");
        Architecture architecture = describe(config);
        decoder.put("model_type", expected);
        assertEquals(architecture, describe(config));
        decoder.put("model_type", "llama");
        assertTrue(
                assertThrows(InvalidInputException.class, () -> describe(config))
                        .getMessage()
                        .endsWith(
                                "text_config.model_type 'llama' is not supported (%s is)"
                                        .formatted(expected)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "llama; attn_logit_softcapping; 50.0; is 50.0, which is not supported with model_type 'llama'",
                "llama; is_causal; false; is false, which is not supported",
                "qwen3; use_bidirectional_attention; true; is true, which is not supported",
                "llama; residual_multiplier; 0.22; is 0.22, which is not supported",
                "mistral; num_local_experts; 8; is 8, which is not supported",
                "gpt_neox; layer_types; [\"sliding_attention\"]; is [\"sliding_attention\"], which is not supported",
                "gpt2; rope_scaling; {\"rope_type\": \"linear\", \"factor\": 2}; is {\"rope_type\":\"linear\",\"factor\":2}, which",
                "gpt2; add_cross_attention; true; other than false is not supported",
                "bloom; apply_residual_connection_post_layernorm; true; other than false is not supported",
                "llama; rope_scaling; {\"rope_type\": \"default\", \"mrope_section\": [1]}; mrope_section is not understood",
                "llama; partial_rotary_factor; 0.5; other than 1 is not supported",
                "phi3; rope_scaling; {\"type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1, 1, 1, 1]}; short_factor must be a list of 4 numbers, has 1",
                "smollm3; no_rope_layers; [1, 0]; has 2 entries for 8 blocks",
                "granitemoe; num_experts_per_tok; 9; is 9, but there are 8 experts",
                "qwen3_moe; num_experts; 1000000; is too large",
                "falcon; num_kv_heads; 3; must be a multiple of the 3 key and value heads",
            })
    void anEntryThatWouldChangeTheNumbersIsRefusedByName(
            String family, String key, String value, String expected) throws IOException {
        ObjectNode config = config(GoldenFamilies.defaults(family));
        if (family.equals("falcon")) {
            config.put("new_decoder_architecture", true);
        }
        config.set(key, parsed(value));
        String message =
                assertThrows(InvalidInputException.class, () -> describe(config)).getMessage();
        assertTrue(message.contains(expected), message);
        assertTrue(message.contains(key) || message.contains("num_attention_heads"), message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "attn_logit_softcapping; null",
                "is_causal; true",
                "layer_types; [\"full_attention\", \"full_attention\"]",
                "logits_scaling; 1.0",
                "num_local_experts; 0",
                "use_bidirectional_attention; false",
                "_name_or_path; \"somewhere\"",
                "auto_map; {\"AutoConfig\": \"x\"}",
            })
    void anEntryThatChangesNothingIsPassedOver(String key, String value) throws IOException {
        Path llama = GoldenFamilies.defaults("llama");
        ObjectNode config = config(llama);
        config.set(key, parsed(value));
        assertEquals(Families.describe(llama), describe(config));
    }

    @ParameterizedTest
    @MethodSource("families")
    void anEntryOfAnyValueIsReadOrRefusedInOneLine(Path family) throws IOException {
        List<String> values =
                List.of(
                        "0",
                        "1",
                        "-1",
                        "3",
                        "0.5",
                        "1e-300",
                        "1e999",
                        "2147483647",
                        "99999999999",
                        "true",
                        "false",
                        "\"\"",
                        "\"gelu\"",
                        "[]",
                        "[1]",
                        "[\"full_attention\"]",
                        "{}",
                        "{\"rope_type\": \"yarn\", \"factor\": 1e300}",
                        "null");
        for (String key : config(family).propertyNames()) {
            for (String value : values) {
                ObjectNode config = config(family);
                config.set(key, parsed(value));
                Hostile.isRead(() -> describe(config));
            }
        }
    }

    @Test
    void errorsSpeakOfTheNameThatTheFileHas() throws IOException {
        ObjectNode config = config(GoldenFamilies.defaults("gpt2"));
        config.put("n_embd", -1);
        String message =
                assertThrows(InvalidInputException.class, () -> describe(config)).getMessage();
        assertTrue(message.contains("config.json: n_embd must be"), message);
    }

    private static Attention attention(Architecture it, int block) {
        return it.blocks().get(block).attentions().findFirst().orElseThrow();
    }

    private static JsonNode parsed(String value) {
        byte[] text = ("{\"value\": " + value + "}").getBytes(StandardCharsets.UTF_8);
        return Json.parse(text, "test").get("value");
    }

    private static ObjectNode config(Path model) {
        return (ObjectNode) Json.read(model.resolve("config.json"));
    }

    private Architecture describe(ObjectNode config) throws IOException {
        return describe(config.toString());
    }

    private Architecture describe(String config) throws IOException {
        Files.writeString(directory.resolve("config.json"), config);
        return Families.describe(directory);
    }
}
