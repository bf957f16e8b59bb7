package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.EvaluationText;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// What `eval` and `compare` measure, and that nothing measured is lost to what fails later.
class EvaluationTest {

    private static final String MODEL = SharedFiles.tinyLlama().toString();
    private static final int BF16_NAN = 0x7FC0;

    @TempDir private Path directory;

    private String task;

    @BeforeEach
    void writeItems() throws IOException {
        Path items =
                Files.writeString(
                        directory.resolve("items.jsonl"),
                        """
                        {"query":"The capital of","choices":["the state","xq zzkw"],"label":0}
                        {"query":"The capital of","choices":["the state","xq zzkw"],"label":1}
                        """);
        task = "hellaswag:" + items;
    }

    @Test
    void aTaskComesWithoutPerplexity() {
        JsonNode result = results(eval("--task", task, "--json")).get(0);
        assertTrue(result.get("perplexity").isNull());
        assertEquals(0.5, result.get("tasks").get("hellaswag").get("accuracy").asDouble());
        Wanda table = eval("--task", task);
        assertTrue(table.out().contains("50.00 %"), table.out());
        assertFalse(table.out().contains("perplexity"), table.out());
    }

    /// The second would stand in the place of the first.
    @Test
    void aTaskIsGivenOnce() {
        Wanda wanda = eval("--task", task, "--task", task, "--items", "1");
        assertEquals(2, wanda.exitCode());
        assertEquals("", wanda.out());
        assertTrue(wanda.errors().toString().contains("given twice"), wanda.errors()::toString);
    }

    @Test
    void aTaskComesWithPerplexityWhereItOrATextIsAskedFor() throws IOException {
        Path text =
                Files.writeString(directory.resolve("text.txt"), "Once upon a time. ".repeat(40));
        for (List<String> asked :
                List.of(List.of("--perplexity"), List.of("--text", text.toString()))) {
            Wanda wanda =
                    eval(
                            Stream.concat(
                                            asked.stream(),
                                            Stream.of(
                                                    "--task",
                                                    task,
                                                    "--seqlen",
                                                    "64",
                                                    "--windows",
                                                    "1",
                                                    "--json"))
                                    .toArray(String[]::new));
            JsonNode result = results(wanda).get(0);
            assertTrue(result.get("perplexity").asDouble() > 1, wanda.out());
            assertEquals(1, result.get("windows").asInt());
            assertEquals(2, result.get("tasks").get("hellaswag").get("items").asInt());
        }
    }

    @Test
    void aReferenceComesWithItsDivergenceBesideThePerplexity() throws IOException {
        TinyModel other = TinyModel.copyTo(directory.resolve("other"));
        other.poke("model.norm.weight", 0x4000); // 2.0
        String[] options = {
            other.directory().toString(),
            "--reference",
            MODEL,
            "--text",
            shortText(),
            "--seqlen",
            "64",
            "--windows",
            "2"
        };
        JsonNode results =
                results(
                        eval(
                                Stream.concat(Stream.of(options), Stream.of("--json"))
                                        .toArray(String[]::new)));
        JsonNode itself = results.get(0).get("divergence");
        assertEquals(MODEL, itself.get("reference").asString());
        assertEquals(0, itself.get("mean").asDouble());
        assertEquals(1, itself.get("sameChoice").asDouble());
        JsonNode away = results.get(1).get("divergence");
        assertTrue(away.get("mean").asDouble() > 0, away::toString);
        assertTrue(
                away.get("percentile99").asDouble() > away.get("mean").asDouble(), away::toString);
        Wanda table = eval(options);
        assertTrue(
                table.out()
                        .lines()
                        .findFirst()
                        .orElseThrow()
                        .contains("KL  KL of 99 %  same choice"),
                table.out());
        assertTrue(table.out().contains("0.0000       0.000     100.00 %"), table.out());
    }

    @Test
    void figuresAreEnteredIntoTheCardsOfOwnModelsAlone() throws IOException {
        String half = directory.resolve("half").toString();
        assertEquals(0, Wanda.run("prune", MODEL, "-o", half, "--method", "magnitude").exitCode());
        String[] options = {"--text", shortText(), "--seqlen", "64", "--windows", "2", "--card"};
        Wanda own =
                Wanda.run(
                        Stream.concat(
                                        Stream.of("eval", half, "--reference", MODEL),
                                        Stream.of(options))
                                .toArray(String[]::new));
        assertEquals(0, own.exitCode(), own.errors()::toString);
        String card = Files.readString(directory.resolve("half/README.md"));
        assertTrue(card.contains("## Measured\n\n| | |\n|---|---|\n| perplexity | "), card);
        assertTrue(card.contains("| KL divergence from tiny-llama | "), card);
        Wanda foreign = eval(options);
        assertEquals(2, foreign.exitCode());
        assertTrue(
                foreign.errors().toString().contains("none that wanda4j wrote"),
                foreign.errors()::toString);
    }

    /// The text is not read for tasks alone.
    @Test
    void aReferenceBesideATaskMeasuresPerplexityToo() {
        JsonNode result =
                results(
                                eval(
                                        "--task",
                                        task,
                                        "--reference",
                                        MODEL,
                                        "--seqlen",
                                        "64",
                                        "--windows",
                                        "1",
                                        "--json"))
                        .get(0);
        assertTrue(result.get("perplexity").asDouble() > 1, result::toString);
        assertEquals(0, result.get("divergence").get("mean").asDouble());
    }

    @Test
    void aReferenceWithOtherTokensIsRefusedBeforeAnythingIsMeasured() throws IOException {
        TinyModel other = TinyModel.copyTo(directory.resolve("other"));
        other.edit("tokenizer.json", "\"Ġthe\": 261", "\"Ġthe\": 262");
        Wanda wanda = eval("--reference", other.directory().toString(), "--text", shortText());
        assertEquals(2, wanda.exitCode());
        assertTrue(
                wanda.errors().toString().contains("another tokenizer than the reference"),
                wanda.errors()::toString);
    }

    /// Had the first model been measured, its row would be there.
    @ParameterizedTest
    @ValueSource(strings = {"missing", "tokenizer.json", "vocabulary", "text", "items"})
    void everythingIsLookedAtBeforeAnythingIsMeasured(String broken) throws IOException {
        TinyModel other = TinyModel.copyTo(directory.resolve("other"));
        List<String> options = List.of("--text", shortText());
        switch (broken) {
            case "missing" -> other = new TinyModel(directory.resolve("nowhere"));
            case "tokenizer.json" -> other.without(broken);
            case "vocabulary" -> other.edit("tokenizer.json", "\"Ġthe\": 261", "\"Ġthe\": 9000");
            case "text" -> {
                other.edit("config.json", "512", "1024");
                Path text = Files.writeString(directory.resolve("text.txt"), "One ".repeat(700));
                options = List.of("--text", text.toString());
            }
            default -> options = List.of("--task", task, "--task", "boolq:nowhere.jsonl");
        }
        String[] command =
                Stream.concat(
                                Stream.of("eval", MODEL, other.directory().toString()),
                                options.stream())
                        .toArray(String[]::new);
        Wanda wanda = Wanda.run(command);
        assertEquals(2, wanda.exitCode());
        assertEquals("", wanda.out());
        assertEquals(1, wanda.errors().size(), wanda.errors()::toString);
    }

    @Test
    void whatWasMeasuredIsPrintedWhenALaterModelFails() throws IOException {
        String broken = broken();
        Wanda table = eval(broken, "--text", shortText(), "--seqlen", "64", "--windows", "1");
        assertEquals(2, table.exitCode());
        assertEquals(2, table.out().lines().count(), table.out());
        assertTrue(table.errors().toString().contains("not finite"), table.errors()::toString);

        Wanda json =
                eval(broken, "--text", shortText(), "--seqlen", "64", "--windows", "1", "--json");
        assertEquals(2, json.exitCode());
        JsonNode results = results(json);
        assertEquals(1, results.size());
        assertEquals(MODEL, results.get(0).get("model").asString());
    }

    @Test
    void aCellThatFailsKeepsNoOtherFromBeingComputedAndShown() throws IOException {
        Path grid = directory.resolve("grid");
        Files.createDirectories(grid.resolve("models"));
        Files.writeString(grid.resolve("models/magnitude-0.5"), "in the way");
        Wanda wanda = compare(grid, "magnitude,wanda", "0.5");
        assertEquals(2, wanda.exitCode());
        assertTrue(
                wanda.errors().getLast().contains("1 of 2 cells failed, the first by: "),
                wanda.errors()::toString);
        assertEquals(3, wanda.out().lines().count(), wanda.out());
        assertEquals(1, Json.read(grid.resolve("comparison.json")).get("cells").size());
    }

    @Test
    void answersThatAreNoNumbersAreNotCounted() throws IOException {
        Wanda wanda = Wanda.run("eval", broken(), "--task", task);
        assertEquals(2, wanda.exitCode());
        assertEquals("", wanda.out());
        assertTrue(wanda.errors().toString().contains("not finite"), wanda.errors()::toString);
    }

    @Test
    void everyCellIsLookedAtBeforeAnythingIsMeasured() {
        Path grid = directory.resolve("grid");
        Wanda wanda = compare(grid, "magnitude,wanda", "0.5,3:7");
        assertEquals(2, wanda.exitCode());
        assertTrue(
                wanda.errors().toString().contains("7 does not divide"), wanda.errors()::toString);
        assertFalse(Files.exists(grid));
    }

    /// A model that is found broken by what it computes alone.
    private String broken() throws IOException {
        return TinyModel.copyTo(directory.resolve("broken"))
                .poke("model.norm.weight", BF16_NAN)
                .directory()
                .toString();
    }

    private static Wanda eval(String... options) {
        return Wanda.run(
                Stream.concat(Stream.of("eval", MODEL), Stream.of(options)).toArray(String[]::new));
    }

    private String shortText() {
        return EvaluationText.beginningIn(directory).toString();
    }

    private Wanda compare(Path output, String methods, String sparsities) {
        return Wanda.run(
                "compare",
                MODEL,
                "-o",
                output.toString(),
                "--methods",
                methods,
                "--sparsities",
                sparsities,
                "--windows",
                "8",
                "--seqlen",
                "64",
                "--eval-text",
                shortText(),
                "--eval-seqlen",
                "64",
                "--eval-windows",
                "1");
    }

    private static JsonNode results(Wanda wanda) {
        return Json.parse(wanda.out().getBytes(StandardCharsets.UTF_8), "results").get("results");
    }
}
