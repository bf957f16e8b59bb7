package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.WordModel;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// `wanda recover` and `wanda prune --recover` as a user calls them, on a small GPT-2 with a context of 32 tokens.
class RecoverTest {

    @TempDir private Path directory;

    private String dense;
    private String text;
    private String pruned;

    @BeforeEach
    void prune() throws IOException {
        dense = WordModel.of(GoldenFamilies.of("gpt2"), directory).toString();
        text = Files.writeString(directory.resolve("text.txt"), WordModel.text(3000, 1)).toString();
        pruned = path("pruned");
        succeed("prune", dense, "-o", pruned, "--method", "magnitude");
    }

    private String path(String name) {
        return directory.resolve(name).toString();
    }

    @Test
    void theOutputSaysHowItWasMade() throws IOException {
        JsonNode printed = recover("out", "--tokens", "3000", "--lr", "1e-3");
        assertEquals(12, printed.get("steps").asInt());
        assertTrue(
                printed.get("lossAfter").asDouble() <= printed.get("lossBefore").asDouble(),
                printed::toString);
        Path out = directory.resolve("out");
        assertEquals(printed, Json.read(out.resolve("wanda-recovery-report.json")));
        JsonNode recipe = Json.read(out.resolve("wanda-recovery-recipe.json"));
        assertEquals("all", recipe.get("train").asString());
        assertEquals("kl", recipe.get("loss").asString());
        assertEquals(12, recipe.get("steps").asInt());
        assertEquals(
                Json.read(Path.of(pruned, "wanda-report.json")),
                Json.read(out.resolve("wanda-report.json")));
        String card = Files.readString(out.resolve("README.md"));
        assertTrue(card.contains("## Recovered"), card);
        assertEquals(0.5, printed.get("sparsity").asDouble(), 0.01);
        assertTrue(succeed("inspect", path("out")).out().contains("50.0"));
    }

    @Test
    void normsAndProductsAreTrainedTooAndZerosStay() {
        for (String part : List.of("norms", "lora")) {
            JsonNode printed =
                    recover(part, "--tokens", "3000", "--train", part, "--hidden-loss", "1");
            assertTrue(
                    printed.get("lossAfter").asDouble() < printed.get("lossBefore").asDouble(),
                    printed::toString);
            assertEquals(0.5, printed.get("sparsity").asDouble(), 0.01);
        }
    }

    @Test
    void aTextNeedsNoTeacher() {
        Wanda wanda =
                succeed(
                        "recover",
                        pruned,
                        "-o",
                        path("out"),
                        "--loss",
                        "text",
                        "--calibration",
                        text,
                        "--tokens",
                        "3000",
                        "--json");
        JsonNode printed = Json.parse(wanda.out().getBytes(StandardCharsets.UTF_8), "recover");
        assertTrue(printed.get("teacher").isNull());
        assertTrue(
                printed.get("lossAfter").asDouble() < printed.get("lossBefore").asDouble(),
                printed::toString);
    }

    @Test
    void theNumberOfStepsFollowsFromTheMinutes() {
        JsonNode printed = recover("out", "--minutes", "0.05");
        assertTrue(printed.get("steps").asInt() > 8, printed::toString);
    }

    @Test
    void onePruneWithRecoveryIsTheSameAsBothApart() throws IOException {
        assertSameAsApart(List.of("--recover"), List.of());
    }

    @Test
    void onePruneForPackedValuesIsTheSameAsBothApart() throws IOException {
        assertSameAsApart(List.of("--values", "int8"), List.of("--values", "int8"));
        assertTrue(succeed("inspect", path("both")).out().contains("int8"));
        assertFalse(Files.exists(directory.resolve("both.recovered")));
    }

    /// @param pruning options of the one run
    /// @param recovery options of the second of two
    private void assertSameAsApart(List<String> pruning, List<String> recovery) throws IOException {
        List<String> both =
                new ArrayList<>(
                        List.of("prune", dense, "-o", path("both"), "--method", "magnitude"));
        both.addAll(List.of("--recover-minutes", "0.02", "--calibration", text, "--json"));
        both.addAll(pruning);
        Wanda wanda = succeed(both.toArray(String[]::new));
        JsonNode printed = Json.parse(wanda.out().getBytes(StandardCharsets.UTF_8), "prune");
        assertEquals(0.5, printed.at("/pruned/sparsity").asDouble(), 0.01);
        JsonNode recovered = printed.get("recovered");
        assertEquals(path("both"), recovered.get("output").asString());
        List<String> second = new ArrayList<>(recovery);
        second.addAll(List.of("--tokens", recovered.get("tokens").asString()));
        recover("apart", second.toArray(String[]::new));
        assertEquals(
                -1,
                Files.mismatch(
                        directory.resolve("both/model.safetensors"),
                        directory.resolve("apart/model.safetensors")));
        assertFalse(Files.exists(directory.resolve("both.pruned")));
        both.add("--resume");
        assertEquals(wanda.out(), succeed(both.toArray(String[]::new)).out());
        assertRefused("both exists", "prune", dense, "-o", path("both"), "--recover");
    }

    @Test
    void whatDoesNotGoTogetherIsRefusedInOneLine() throws IOException {
        String shortText =
                Files.writeString(directory.resolve("short.txt"), WordModel.text(100, 1))
                        .toString();
        assertRefused("--teacher", "recover", pruned, "-o", path("out"));
        assertRefused(
                "leave --teacher out",
                "recover",
                pruned,
                "--teacher",
                dense,
                "-o",
                path("out"),
                "--loss",
                "text");
        assertRefused(
                "--train lora",
                "recover",
                pruned,
                "--teacher",
                dense,
                "-o",
                path("out"),
                "--rank",
                "4");
        assertRefused(
                "is not of the shape of its teacher",
                "recover",
                pruned,
                "--teacher",
                SharedFiles.tinyLlama().toString(),
                "-o",
                path("out"));
        assertRefused(
                "fewer than 9 windows",
                "recover",
                pruned,
                "--teacher",
                dense,
                "-o",
                path("out"),
                "--calibration",
                shortText);
        assertFalse(Files.exists(directory.resolve("out")));
    }

    private JsonNode recover(String output, String... options) {
        Wanda wanda =
                succeed(
                        Stream.concat(
                                        Stream.of(
                                                "recover",
                                                pruned,
                                                "--teacher",
                                                dense,
                                                "-o",
                                                path(output),
                                                "--calibration",
                                                text,
                                                "--json"),
                                        Stream.of(options))
                                .toArray(String[]::new));
        return Json.parse(wanda.out().getBytes(StandardCharsets.UTF_8), "recover");
    }

    private static Wanda succeed(String... arguments) {
        Wanda wanda = Wanda.run(arguments);
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        return wanda;
    }

    private static void assertRefused(String expected, String... arguments) {
        Wanda wanda = Wanda.run(arguments);
        assertEquals(2, wanda.exitCode(), wanda.out());
        assertEquals(1, wanda.errors().size(), wanda.errors()::toString);
        assertTrue(wanda.errors().getFirst().contains(expected), wanda.errors()::toString);
    }
}
