package org.wanda4j.model.families;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;

/// The descriptions of the golden checkpoints against the tensors that transformers saved.
class GoldenFamiliesTest {

    /// Tensors beside the language model: a vision tower, and what older versions of transformers saved of masks.
    private static final String BESIDE =
            ".*(vision_tower|multi_modal_projector).*|.*\\.attn\\.bias"
                    + "|.*\\.attention\\.(bias|masked_bias|rotary_emb\\.inv_freq)";

    static List<Path> cases() {
        return GoldenFamilies.all();
    }

    static List<Path> refused() {
        return GoldenFamilies.refused();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyTensorOfTheLanguageModelIsDescribedAndNoOther(Path directory) {
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            Map<String, List<Long>> saved =
                    checkpoint.tensors().stream()
                            .filter(tensor -> !tensor.name().matches(BESIDE))
                            .collect(Collectors.toMap(TensorInfo::name, TensorInfo::shape));
            assertEquals(saved, Map.copyOf(Families.describe(checkpoint).tensors()));
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyRowOfEveryMatrixBelongsToOneLinear(Path directory) {
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            Architecture it = Families.describe(checkpoint);
            Set<String> fused =
                    it.linears().stream()
                            .map(linear -> linear.weight().tensor())
                            .collect(Collectors.toSet());
            long described = it.linears().stream().mapToLong(Linear::weights).sum();
            long stored =
                    fused.stream()
                            .mapToLong(name -> size(checkpoint.find(name).orElseThrow()))
                            .sum();
            assertEquals(stored, described);
        }
    }

    @ParameterizedTest
    @MethodSource("refused")
    void whatWouldChangeTheNumbersIsRefused(Path directory) {
        String message =
                assertThrows(InvalidInputException.class, () -> Families.describe(directory))
                        .getMessage();
        String expected =
                Map.of(
                                "bloom-residual",
                                "apply_residual_connection_post_layernorm other than false is not supported",
                                "gpt2-cross-attention",
                                "add_cross_attention other than false is not supported",
                                "mamba",
                                "model_type 'mamba' is not supported; supported: bloom, ",
                                "phi-qk-norm",
                                "qk_layernorm other than false is not supported")
                        .get(directory.getFileName().toString());
        assertTrue(message.contains(expected), message);
    }

    private static long size(TensorInfo tensor) {
        return tensor.shape().stream().reduce(1L, Math::multiplyExact);
    }
}
