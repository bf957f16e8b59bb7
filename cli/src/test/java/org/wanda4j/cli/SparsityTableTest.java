package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.GoldenFamilies;

/// The columns of the sparsity table are named after modules, not after experts.
class SparsityTableTest {

    @ParameterizedTest
    @CsvSource({
        "model.layers.0.self_attn.q_proj, q_proj",
        "transformer.h.11.mlp.c_fc, c_fc",
        "model.layers.3.fc1, fc1",
        "model.layers.0.block_sparse_moe.experts.3.w1, experts.w1",
        "model.layers.0.block_sparse_moe.output_linear.3, output_linear",
        "model.layers.0.block_sparse_moe.input_linear.3.gate, input_linear.gate"
    })
    void aColumnIsNamedAfterTheModuleThatItsLinearsAreOf(String linear, String column) {
        assertEquals(column, new SparsityTable.Cell(0, linear, 0, 1, Optional.empty()).column());
    }

    @Test
    void aBlockWithoutSuchALinearHasADash() {
        Wanda wanda = Wanda.run("inspect", GoldenFamilies.of("qwen2_moe").toString());
        assertEquals(0, wanda.exitCode(), wanda.errors().toString());
        assertTrue(wanda.out().matches("(?s).*\n0 .* -  +-  +-\n1 .*"), wanda.out());
    }

    @Test
    void theExpertsOfAFusedTensorAreCountedInOneColumn() {
        Wanda wanda = Wanda.run("inspect", GoldenFamilies.of("granitemoe").toString());
        assertEquals(0, wanda.exitCode(), wanda.errors().toString());
        assertTrue(
                wanda.out()
                        .contains("  o_proj  input_linear.gate  input_linear.up  output_linear\n"),
                wanda.out());
    }
}
