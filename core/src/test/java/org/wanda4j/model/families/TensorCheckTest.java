package org.wanda4j.model.families;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;

/// Checkpoints that do not have what their configuration speaks of, and the cause that is named. All their matrices have
/// two rows and two columns.
class TensorCheckTest {

    private static final String QUERY = "model.layers.0.self_attn.q_proj.weight";

    @TempDir private Path directory;

    @Test
    void whatIsAsItsConfigurationSaysIsTaken() throws IOException {
        Map<String, DType> tensors = complete();
        assertEquals("lm_head.weight", read("", tensors).head().table());
        tensors.remove("lm_head.weight");
        Architecture tied = read(", \"tie_word_embeddings\": true, \"unread\": NaN", tensors);
        assertEquals("model.embed_tokens.weight", tied.head().table());
    }

    @Test
    void aHeadThatIsNotThereIsNotTakenForATiedOne() throws IOException {
        Map<String, DType> tensors = complete();
        tensors.remove("lm_head.weight");
        assertRefused(
                "there is no tensor lm_head.weight, and config.json does not tie the head to the embedding",
                "",
                tensors);
    }

    @Test
    void namesWithoutThePrefixAreRead() throws IOException {
        assertEquals("embed_tokens.weight", read("", bare(complete())).embedding().tokens());
    }

    @Test
    void aModelThatWasSavedWithoutItsHeadIsRead() throws IOException {
        Map<String, DType> tensors = bare(complete());
        tensors.remove("lm_head.weight");
        assertEquals("lm_head.weight", read("", tensors).head().table());
    }

    @Test
    void aTensorOfABlockThatNothingReadsIsRefused() throws IOException {
        Map<String, DType> tensors = complete();
        tensors.put("model.layers.0.self_attn.q_proj.bias", DType.F32);
        assertRefused(
                "tensor model.layers.0.self_attn.q_proj.bias is none of a llama as config.json describes it",
                "",
                tensors);
    }

    @Test
    void theFrequenciesThatOlderFilesHoldDoNotMatter() throws IOException {
        Map<String, DType> tensors = complete();
        tensors.put("model.layers.0.self_attn.rotary_emb.inv_freq", DType.F32);
        tensors.put("score.weight", DType.F32);
        assertEquals(1, read("", tensors).blocks().size());
    }

    @Test
    void aConfigurationWithFewerBlocksThanThereAreIsRefused() throws IOException {
        assertRefused(
                "the checkpoint has 3 blocks, but config.json describes 1: correct the number there",
                "",
                withMoreBlocks(2));
    }

    @Test
    void aBlockThatPredictsFurtherTokensIsNoneOfTheDecoders() throws IOException {
        String config = ", \"num_nextn_predict_layers\": 1";
        assertEquals(1, read(config, withMoreBlocks(1)).blocks().size());
        assertRefused("has 3 blocks, but config.json describes 1", config, withMoreBlocks(2));
    }

    /// A tensor of each of `blocks` further blocks, and one of a vision tower.
    private static Map<String, DType> withMoreBlocks(int blocks) {
        Map<String, DType> tensors = complete();
        for (int block = 1; block <= blocks; block++) {
            tensors.put("model.layers." + block + ".input_layernorm.weight", DType.BF16);
        }
        tensors.put("vision_tower.encoder.layers.7.input_layernorm.weight", DType.BF16);
        return tensors;
    }

    private static Map<String, DType> bare(Map<String, DType> tensors) {
        Map<String, DType> bare = new LinkedHashMap<>();
        tensors.forEach((name, type) -> bare.put(name.replaceFirst("^model\\.", ""), type));
        return bare;
    }

    @ParameterizedTest
    @CsvSource({
        "gptq,model.layers.0.self_attn.q_proj.qweight,I32",
        "awq,model.layers.0.self_attn.q_proj.qweight,I32",
        "fp8,model.layers.0.self_attn.q_proj.weight,F8_E4M3",
        "bitsandbytes,model.layers.0.self_attn.q_proj.weight,U8",
        "compressed-tensors,model.layers.0.self_attn.q_proj.weight_packed,I32"
    })
    void aQuantisedModelIsNamedByItsConfiguration(String method, String tensor, DType type)
            throws IOException {
        Map<String, DType> tensors = complete();
        tensors.remove(QUERY);
        tensors.put(tensor, type);
        assertRefused(
                "the weights are quantised (" + method + ")",
                ", \"quantization_config\": {\"quant_method\": \"" + method + "\", \"bits\": 4}",
                tensors);
    }

    @ParameterizedTest
    @CsvSource({
        "model.layers.0.self_attn.q_proj.qweight,I32",
        "model.layers.0.self_attn.q_proj.weight_scale,F32",
        "model.layers.0.self_attn.q_proj.weight_scale_inv,F32",
        "model.layers.0.self_attn.q_proj.weight,F8_E4M3",
        "model.layers.0.self_attn.q_proj.weight.absmax,F32",
        "model.layers.0.self_attn.q_proj.SCB,F32"
    })
    void aQuantisedModelIsNamedByItsTensors(String tensor, DType type) throws IOException {
        Map<String, DType> tensors = complete();
        tensors.put(QUERY, DType.I8);
        tensors.put(tensor, type);
        assertRefused(
                "the weights are quantised (tensor " + tensor + " is " + type + ")", "", tensors);
    }

    @Test
    void plainWeightsWhoseConfigurationStillSpeaksOfQuantisationAreTaken() throws IOException {
        String config = ", \"quantization_config\": {\"quant_method\": \"fp8\"}";
        assertEquals("llama", read(config, complete()).family());
    }

    @Test
    void scalesBesidePlainWeightsAreRefused() throws IOException {
        Map<String, DType> tensors = complete();
        tensors.put("model.layers.0.self_attn.q_proj.weight_scale", DType.F32);
        assertRefused(
                "the weights are quantised (compressed-tensors)",
                ", \"quantization_config\": {\"quant_method\": \"compressed-tensors\"}",
                tensors);
    }

    @Test
    void whatIsWrongWithPlainWeightsIsNotTakenForQuantisation() throws IOException {
        Map<String, DType> tensors = complete();
        tensors.remove(QUERY);
        assertRefused(
                "there is no tensor " + QUERY,
                ", \"quantization_config\": {\"quant_method\": \"fp8\"}",
                tensors);
    }

    private static Map<String, DType> complete() {
        Map<String, DType> tensors = new LinkedHashMap<>();
        for (String name :
                List.of(
                        "model.embed_tokens",
                        "model.norm",
                        "model.layers.0.input_layernorm",
                        "model.layers.0.post_attention_layernorm",
                        "model.layers.0.self_attn.q_proj",
                        "model.layers.0.self_attn.k_proj",
                        "model.layers.0.self_attn.v_proj",
                        "model.layers.0.self_attn.o_proj",
                        "model.layers.0.mlp.gate_proj",
                        "model.layers.0.mlp.up_proj",
                        "model.layers.0.mlp.down_proj",
                        "lm_head")) {
            tensors.put(name + ".weight", DType.BF16);
        }
        return tensors;
    }

    private Architecture read(String config, Map<String, DType> tensors) throws IOException {
        long end = 0;
        Map<String, String> entries = new LinkedHashMap<>();
        for (var tensor : tensors.entrySet()) {
            boolean vector = tensor.getKey().contains("norm");
            long begin = end;
            end += (vector ? 2L : 4L) * tensor.getValue().bytes();
            entries.put(
                    tensor.getKey(),
                    "{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                            .formatted(tensor.getValue(), vector ? "[2]" : "[2,2]", begin, end));
        }
        byte[] header =
                entries.entrySet().stream()
                        .map(entry -> "\"" + entry.getKey() + "\":" + entry.getValue())
                        .collect(Collectors.joining(",", "{", "}"))
                        .getBytes(StandardCharsets.UTF_8);
        ByteBuffer file =
                ByteBuffer.allocate(Long.BYTES + header.length + (int) end)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(header.length)
                        .put(header);
        Files.write(directory.resolve("model.safetensors"), file.array());
        Files.writeString(
                directory.resolve("config.json"),
                """
                \ufeff{"model_type": "llama", "hidden_size": 2, "intermediate_size": 2, "num_hidden_layers": 1,
                "num_attention_heads": 1, "vocab_size": 2, "max_position_embeddings": 8%s}
                """
                        .formatted(config));
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            return Families.describe(checkpoint);
        }
    }

    private void assertRefused(String expected, String config, Map<String, DType> tensors) {
        String message =
                assertThrows(InvalidInputException.class, () -> read(config, tensors)).getMessage();
        assertTrue(message.contains(expected), message);
    }
}
