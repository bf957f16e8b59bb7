package org.wanda4j.runtime.internal.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;

class TokenWeightsTest {

    /// @param rows tables of which a row is read
    /// @param experts what the names of tensors with experts have in common
    /// @param share of the experts that a token goes through
    @ParameterizedTest
    @CsvSource({
        "llama2, model.embed_tokens.weight, none, 1",
        "gpt2, transformer.wpe.weight, none, 1",
        "mixtral, model.embed_tokens.weight, .experts., 0.5",
        "granitemoe, model.embed_tokens.weight, .block_sparse_moe.input_linear|.block_sparse_moe.output_linear, 0.5",
    })
    void aTokenReadsAllButTablesAndIdleExperts(
            String family, String rows, String experts, double share) {
        try (Checkpoint checkpoint = Checkpoint.open(GoldenFamilies.of(family))) {
            Architecture architecture = Families.describe(checkpoint);
            Set<String> read = architecture.tensors().keySet();
            double expected = 0;
            for (TensorInfo tensor : checkpoint.tensors()) {
                boolean isExpert = tensor.name().matches(".*(" + experts + ").*");
                if (read.contains(tensor.name()) && !tensor.name().equals(rows)) {
                    expected += tensor.length() * (isExpert ? share : 1);
                }
            }
            assertEquals(
                    expected, (double) TokenWeights.of(architecture, checkpoint::bytes).bytes());
        }
    }
}
