package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.WordModel;

/// The columns of the sparsity table are named after modules, not after experts.
class SparsityTableTest {

    @ParameterizedTest
    @CsvSource({
        "model.layers.0.self_attn.q_proj, q_proj",
        "transformer.h.11.mlp.c_fc, c_fc",
        "model.layers.3.fc1, fc1",
        "model.layers.0.block_sparse_moe.experts.3.w1, experts.w1",
        "model.layers.2.block_sparse_moe.experts.2.w1, experts.w1",
        "model.layers.0.block_sparse_moe.output_linear.3, output_linear",
        "model.layers.0.block_sparse_moe.input_linear.3.gate, input_linear.gate"
    })
    void aColumnIsNamedAfterTheModuleThatItsLinearsAreOf(String linear, String column) {
        int block = Integer.parseInt(linear.replaceAll("\\D*?(\\d+)\\..*", "$1"));
        assertEquals("block " + column, header(List.of(cell(block, linear, 0))));
    }

    @Test
    void linearsOfTheSameNameInDifferentModulesHaveAColumnEach() {
        List<SparsityTable.Cell> cells =
                List.of(
                        cell(0, "h.0.attn.c_proj", 10),
                        cell(0, "h.0.mlp.c_fc", 20),
                        cell(0, "h.0.mlp.c_proj", 30));
        assertEquals("block attn.c_proj c_fc mlp.c_proj", header(cells));
        assertEquals(
                List.of("0 10.00 % 20.00 % 30.00 %"),
                SparsityTable.of(1, cells, false)
                        .lines()
                        .skip(1)
                        .map(SparsityTableTest::words)
                        .toList());
    }

    @Test
    void whatWasLeftDenseIsToldFromWhatIsNotThere() {
        List<SparsityTable.Cell> cells =
                List.of(
                        left(0, "layers.0.q_proj"),
                        cell(0, "layers.0.up_proj", 50),
                        cell(1, "layers.1.q_proj", 25),
                        left(1, "layers.1.router"),
                        left(2, "layers.2.q_proj"));
        assertEquals(
                List.of(
                        "block all q_proj up_proj",
                        "0 50.00 % dense 50.00 %",
                        "1 25.00 % 25.00 % -",
                        "2 dense dense -",
                        "3 - - -"),
                SparsityTable.of(4, cells, true).lines().map(SparsityTableTest::words).toList());
    }

    @Test
    void pruningAndInspectingSayTheSameOfABlockWithoutSuchALinear(@TempDir Path directory)
            throws IOException {
        Path model = WordModel.of(GoldenFamilies.of("qwen2_moe"), directory);
        Wanda wanda =
                Wanda.run(
                        "prune",
                        model.toString(),
                        "-o",
                        directory.resolve("out").toString(),
                        "--method",
                        "magnitude");
        assertEquals(0, wanda.exitCode(), wanda.errors().toString());
        assertTrue(wanda.out().matches("(?s).*\n0 .* -  +-  +-\n1 .*"), wanda.out());
    }

    private static SparsityTable.Cell cell(int block, String linear, long zeros) {
        return new SparsityTable.Cell(block, linear, OptionalLong.of(zeros), 100, Optional.empty());
    }

    private static SparsityTable.Cell left(int block, String linear) {
        return new SparsityTable.Cell(block, linear, OptionalLong.empty(), 100, Optional.empty());
    }

    private static String header(List<SparsityTable.Cell> cells) {
        return words(SparsityTable.of(12, cells, false).lines().findFirst().orElseThrow());
    }

    private static String words(String line) {
        return String.join(" ", line.trim().split(" +"));
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
