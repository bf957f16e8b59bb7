package org.wanda4j.model.families;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Rotary;

/// What a `config.json` means, above all where it is silent: as transformers 4.56.2 reads it.
class FamilyDescriptionTest {

    private static final String SIZES =
            """
            "hidden_size": 512, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 64,
            "vocab_size": 100, "max_position_embeddings": 256
            """;

    @TempDir private Path directory;

    @Test
    void whoAsksForTheFamiliesCannotChangeThem() {
        assertThrows(UnsupportedOperationException.class, () -> Families.supported().clear());
        assertTrue(Families.supported().contains("llama"));
    }

    @Test
    void aLlamaIsDescribedByItsConfiguration() {
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            Architecture it = Families.describe(checkpoint);
            assertEquals("llama", it.family());
            assertEquals(6, it.blocks().size());
            assertEquals(42, it.linears().size());
            Attention attention = attention(it.blocks().get(5));
            assertEquals(6, attention.heads());
            assertEquals(2, attention.keyValueHeads());
            assertEquals(32, attention.headSize());
            assertEquals(
                    Linear.of("model.layers.5.self_attn.k_proj", 192, 64, false), attention.key());
            assertEquals(1e-5, it.blocks().getFirst().norms().findFirst().orElseThrow().epsilon());
            assertEquals(it.embedding().tokens(), it.head().table());
            assertEquals(
                    List.of("model.layers.0.mlp.gate_proj", "model.layers.0.mlp.up_proj"),
                    it.blocks().getFirst().stages().get(2).linears().stream()
                            .map(Linear::name)
                            .toList());
        }
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "none",
            value = {"llama,64", "mistral,8", "qwen2,32", "qwen3,32"})
    void withoutANumberOfKeyValueHeadsTheFamilysOwnHolds(String family, int expected)
            throws IOException {
        assertEquals(expected, attention(family, "").keyValueHeads());
        assertEquals(64, attention(family, ", \"num_key_value_heads\": null").keyValueHeads());
        assertEquals(4, attention(family, ", \"num_key_value_heads\": 4").keyValueHeads());
    }

    @ParameterizedTest
    @CsvSource({"llama,8", "mistral,8", "qwen2,8", "qwen3,128"})
    void withoutASizeOfAHeadTheFamilysOwnHolds(String family, int expected) throws IOException {
        assertEquals(expected, attention(family, "").headSize());
        assertEquals(8, attention(family, ", \"head_dim\": null").headSize());
        assertEquals(32, attention(family, ", \"head_dim\": 32").headSize());
    }

    @Test
    void mistralHasAWindowUnlessItSaysThatItHasNone() throws IOException {
        assertEquals(OptionalInt.of(4096), attention("mistral", "").window());
        assertEquals(
                OptionalInt.empty(), attention("mistral", ", \"sliding_window\": null").window());
        assertEquals(OptionalInt.of(77), attention("mistral", ", \"sliding_window\": 77").window());
    }

    @Test
    void llamaHasNoWindowWhateverItSays() throws IOException {
        assertEquals(OptionalInt.empty(), attention("llama", ", \"sliding_window\": 77").window());
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "qwen3"})
    void qwenHasWindowsOnlyWhereTheyAreSwitchedOn(String family) throws IOException {
        OptionalInt none = OptionalInt.empty();
        OptionalInt some = OptionalInt.of(77);
        OptionalInt ordinary = OptionalInt.of(4096);
        String on = ", \"use_sliding_window\": true";
        assertEquals(List.of(none, none, none, none), windows(family, ", \"sliding_window\": 77"));
        assertEquals(
                List.of(none, none, none, none),
                windows(
                        family,
                        ", \"sliding_window\": 77, \"max_window_layers\": 0, \"use_sliding_window\": false"));
        assertEquals(List.of(none, none, none, none), windows(family, on));
        assertEquals(
                List.of(none, none, some, some),
                windows(family, on + ", \"sliding_window\": 77, \"max_window_layers\": 2"));
        assertEquals(
                List.of(none, ordinary, ordinary, ordinary),
                windows(family, on + ", \"max_window_layers\": 1"));
        assertEquals(
                List.of(none, none, none, none),
                windows(family, on + ", \"sliding_window\": null, \"max_window_layers\": 0"));
        String types =
                ", \"layer_types\": [\"sliding_attention\", \"full_attention\", \"sliding_attention\","
                        + " \"full_attention\"], \"max_window_layers\": 1, \"sliding_window\": 77";
        assertEquals(List.of(some, none, some, none), windows(family, on + types));
        assertEquals(List.of(none, none, none, none), windows(family, types));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "[\"full_attention\"]; has 1 entries for 4 blocks",
                "[\"full_attention\",\"full_attention\",\"full_attention\",\"mamba\"]; layer_types 'mamba' is not supported",
                "\"full_attention\"; must be a list of texts",
                "[1,2,3,4]; must be a list of texts",
            })
    void layerTypesThatDoNotFitAreRefused(String types, String expected) throws IOException {
        assertRefused("qwen2", ", \"layer_types\": " + types, "layer_types", expected);
    }

    @Test
    void biasesAreWhereTheFamilyHasThem() throws IOException {
        assertEquals(List.of(false, false, false, false), biases("llama", ""));
        assertEquals(
                List.of(true, true, true, true), biases("llama", ", \"attention_bias\": true"));
        assertEquals(List.of(false, false, false, false), biases("mistral", ""));
        assertEquals(List.of(true, true, true, false), biases("qwen2", ""));
        assertEquals(List.of(false, false, false, false), biases("qwen3", ""));
        assertEquals(
                List.of(true, true, true, true), biases("qwen3", ", \"attention_bias\": true"));
        assertTrue(attention("qwen3", "").queryNorm().isPresent());
        assertTrue(attention("qwen2", "").queryNorm().isEmpty());
    }

    @ParameterizedTest
    @CsvSource({"llama,2048", "mistral,131072", "qwen2,32768", "qwen3,32768", "opt,2048"})
    void withoutALongestSequenceTheFamilysOwnHolds(String family, int expected) throws IOException {
        String sizes =
                (SIZES + ", \"ffn_dim\": 96")
                        .replace("\"max_position_embeddings\": 256", "\"x\": 1");
        assertEquals(
                expected,
                describe("{\"model_type\": \"" + family + "\", " + sizes + "}").positions());
    }

    @Test
    void theOldNameOfTheRotationsTypeStillHolds() throws IOException {
        assertEquals(new Rotary.Scaling.None(), rotary("").scaling());
        assertEquals(new Rotary.Scaling.None(), rotary(", \"rope_scaling\": null").scaling());
        String old = ", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.5}";
        assertEquals(new Rotary.Scaling.Linear(2.5), rotary(old).scaling());
        assertEquals(
                new Rotary.Scaling.Dynamic(2),
                rotary(old.replace("linear", "dynamic").replace("2.5", "2")).scaling());
        assertEquals(
                new Rotary.Scaling.Linear(2.5), rotary(old.replace("type", "rope_type")).scaling());
    }

    @Test
    void theBaseOfTheRotationIsFoundUnderBothNames() throws IOException {
        assertEquals(10_000, rotary("").theta());
        assertEquals(500_000, rotary(", \"rope_theta\": 500000.0").theta());
        Rotary newer =
                rotary(
                        ", \"rope_parameters\": {\"rope_theta\": 1e6, \"rope_type\": \"llama3\", \"factor\": 8.0,"
                                + " \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 128}");
        assertEquals(1e6, newer.theta());
        assertInstanceOf(Rotary.Scaling.Llama3.class, newer.scaling());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "\"rope_scaling\": {\"type\": \"mrope\"}; rope_scaling.rope_type 'mrope' is not supported",
                "\"rope_scaling\": {\"type\": \"linear\"}; rope_scaling.factor is missing",
                "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}; rope_scaling.factor must be a positive number",
                "\"rope_scaling\": 7; rope_scaling must be an object",
                "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4,"
                        + " \"high_freq_factor\": 4, \"original_max_position_embeddings\": 9}; high_freq_factor must be greater",
                "\"rope_theta\": -1; rope_theta must be a positive number",
                "\"rope_theta\": 1e999; rope_theta",
                "\"partial_rotary_factor\": 0.5; partial_rotary_factor other than 1",
                "\"hidden_act\": \"relu6\"; hidden_act 'relu6' is not supported",
                "\"hidden_act\": 6; hidden_act must be a text",
                "\"rms_norm_eps\": \"small\"; rms_norm_eps must be a positive number",
                "\"attention_bias\": \"no\"; attention_bias must be true or false",
                "\"num_key_value_heads\": 3; num_key_value_heads must divide num_attention_heads, is 3 for 64 heads",
                "\"num_key_value_heads\": 0; num_key_value_heads must be a positive whole number",
                "\"num_key_value_heads\": 2.5; num_key_value_heads must be a positive whole number",
                "\"head_dim\": 7; head_dim must be even",
                "\"head_dim\": 1073741824; num_attention_heads is too large",
                "\"head_dim\": -8; head_dim must be a positive whole number",
                "\"head_dim\": 99999999999; head_dim must be a positive whole number",
            })
    void anEntryThatCannotBeIsRefusedByName(String entry, String expected) throws IOException {
        assertRefused("llama", ", " + entry, "config.json", expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hidden_size",
                "intermediate_size",
                "num_hidden_layers",
                "num_attention_heads",
                "vocab_size"
            })
    void aMissingEntryIsRefusedByName(String key) throws IOException {
        for (String name : List.of("unknown", key)) {
            String json =
                    "{\"model_type\": \"llama\", "
                            + SIZES.replace("\"" + key + "\"", "\"" + name + "\"")
                            + "}";
            if (name.equals(key)) {
                assertEquals(4, describe(json).blocks().size());
            } else {
                assertMessage(() -> describe(json), key + " is missing");
            }
        }
    }

    @Test
    void moreHeadsThanWidthAreRefused() throws IOException {
        assertRefused("llama", "", "head_dim must be even", "is 0", SIZES.replace("512", "32"));
        assertRefused(
                "opt",
                ", \"ffn_dim\": 8",
                "num_attention_heads must divide hidden_size",
                "",
                SIZES.replace("512", "96"));
    }

    @Test
    void moreBlocksThanTensorsAreRefusedBeforeTheyAreMade() throws IOException {
        assertRefused(
                "llama",
                "",
                "num_hidden_layers is 2147483647",
                "only 10 tensors",
                SIZES.replace(": 4,", ": 2147483647,"));
    }

    @Test
    void optIsTiedUnlessItSaysOtherwise() throws IOException {
        Architecture opt = describe(config("opt", ", \"ffn_dim\": 96"));
        assertEquals("model.decoder.embed_tokens.weight", opt.head().table());
        assertTrue(attention(opt.blocks().getFirst()).rotary().isEmpty());
        assertEquals(
                256 + 2,
                (int) (long) opt.tensors().get("model.decoder.embed_positions.weight").getFirst());
        Architecture untied =
                describe(config("opt", ", \"ffn_dim\": 96, \"tie_word_embeddings\": false"));
        assertEquals("lm_head.weight", untied.head().table());
    }

    @Test
    void theSmallOptNormsBehindItsBranchesAndProjectsItsEmbeddings() throws IOException {
        Architecture opt =
                describe(
                        config(
                                "opt",
                                ", \"ffn_dim\": 96, \"do_layer_norm_before\": false, \"word_embed_proj_dim\": 64"));
        assertTrue(
                opt.blocks().getFirst().branches().stream()
                        .allMatch(branch ->
                                branch.before().isEmpty() && branch.behind().isPresent()));
        assertTrue(opt.head().norm().isEmpty());
        assertEquals(
                Optional.of(Linear.of("model.decoder.project_in", 64, 512, false)),
                opt.embedding().project());
        assertEquals(
                Optional.of(Linear.of("model.decoder.project_out", 512, 64, false)),
                opt.head().project());
    }

    @Test
    void anUnknownFamilyIsRefusedWithTheNearestThatIsSupported() {
        assertMessage(
                () -> describe(config("cohere2", "")),
                "model_type 'cohere2' is not supported (the nearest that is: cohere); supported: bloom, cohere,");
        assertMessage(
                () -> describe(config("qwen3_next", "")),
                "'qwen3_next' is not supported (the nearest that is: qwen3_moe); supported:");
        assertMessage(() -> describe(config("t5", "")), "'t5' is not supported; supported: bloom");
    }

    @Test
    void aConfigurationWithoutAFamilyIsRefused() {
        assertMessage(() -> describe("{" + SIZES + "}"), "model_type is missing; supported: bloom");
        assertMessage(() -> describe("{\"model_type\": 7}"), "model_type must be a text");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "7", "{\"a\":1,\"a\":2}", "{} {}"})
    void aConfigurationThatIsNoJsonObjectIsRefused(String json) {
        assertMessage(() -> describe(json), "config.json: not");
    }

    @Test
    void aTensorOfAnotherShapeThanTheConfigurationAsksForIsRefused() throws IOException {
        String config = Files.readString(SharedFiles.tinyLlama().resolve("config.json"));
        Files.createSymbolicLink(
                directory.resolve("model.safetensors"),
                SharedFiles.tinyLlama().resolve("model.safetensors"));
        Map<String, String> wrong =
                Map.of(
                        "\"intermediate_size\": 512", "\"intermediate_size\": 511",
                        "\"vocab_size\": 2048", "\"vocab_size\": 2049",
                        "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3");
        for (var edit : wrong.entrySet()) {
            Files.writeString(
                    directory.resolve("config.json"),
                    config.replace(edit.getKey(), edit.getValue()));
            assertMessage(this::architecture, "but config.json asks for [");
        }
        Files.writeString(
                directory.resolve("config.json"),
                config.replace("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 7"));
        assertMessage(this::architecture, "there is no tensor model.layers.6.");
    }

    private Architecture architecture() {
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            return Families.describe(checkpoint);
        }
    }

    private Attention attention(String family, String more) throws IOException {
        return attention(describe(config(family, more)).blocks().getFirst());
    }

    private static Attention attention(Block block) {
        return block.attentions().findFirst().orElseThrow();
    }

    private List<OptionalInt> windows(String family, String more) throws IOException {
        return describe(config(family, more)).blocks().stream()
                .map(block -> attention(block).window())
                .toList();
    }

    private List<Boolean> biases(String family, String more) throws IOException {
        Attention it = attention(family, more);
        return List.of(
                it.query().bias().isPresent(),
                it.key().bias().isPresent(),
                it.value().bias().isPresent(),
                it.output().bias().isPresent());
    }

    private Rotary rotary(String more) throws IOException {
        return attention("llama", more).rotary().orElseThrow();
    }

    private static String config(String family, String more) {
        return "{\"model_type\": \"" + family + "\", " + SIZES + more + "}";
    }

    /// Describes a configuration for a checkpoint of ten tensors that have nothing to do with it.
    private Architecture describe(String config) throws IOException {
        String header =
                java.util.stream.IntStream.range(0, 10)
                        .mapToObj(
                                "\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
                                        ::formatted)
                        .collect(Collectors.joining(",", "{", "}"));
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        Files.write(
                directory.resolve("model.safetensors"),
                ByteBuffer.allocate(8 + json.length)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(json.length)
                        .put(json)
                        .array());
        Files.writeString(directory.resolve("config.json"), config);
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            return Families.describe(ModelConfig.read(directory), checkpoint);
        }
    }

    private void assertRefused(String family, String more, String expected, String also)
            throws IOException {
        assertRefused(family, more, expected, also, SIZES);
    }

    private void assertRefused(
            String family, String more, String expected, String also, String sizes)
            throws IOException {
        String json = "{\"model_type\": \"" + family + "\", " + sizes + more + "}";
        assertMessage(() -> describe(json), expected);
        assertMessage(() -> describe(json), also);
    }

    private static void assertMessage(
            org.junit.jupiter.api.function.Executable work, String expected) {
        String message = assertThrows(InvalidInputException.class, work).getMessage();
        assertTrue(message.contains(expected), message);
    }
}
