package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.EvaluationText;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.GgufFile;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// Models go out as GGUF files and come in from them.
class ExportTest {

    private static final String MODEL = SharedFiles.tinyLlama().toString();

    @TempDir private Path directory;

    @Test
    void aGgufFileGivesThePerplexityOfTheModelThatItWasMadeOf() throws IOException {
        Path file = directory.resolve("tiny.gguf");
        Wanda exported = Wanda.run("export", MODEL, "-o", file.toString(), "--json");
        assertEquals(0, exported.exitCode(), exported.errors()::toString);
        JsonNode report = json(exported);
        assertEquals("bf16", report.path("type").asString());
        assertTrue(Files.size(file) > report.path("bytesAfter").asLong());
        assertEquals(perplexity(MODEL), perplexity(file.toString()));
    }

    @Test
    void whatPruneWroteIsExportedToo() {
        Path file = directory.resolve("half.gguf");
        Wanda pruned =
                Wanda.run(
                        "prune",
                        MODEL,
                        "-o",
                        directory.resolve("half").toString(),
                        "--method",
                        "magnitude",
                        "--gguf",
                        file.toString());
        assertEquals(0, pruned.exitCode(), pruned.errors()::toString);
        assertTrue(pruned.out().contains("exported to"), pruned.out());
        try (GgufFile gguf = GgufFile.open(file)) {
            GgufFile.Tensor up = gguf.find("blk.0.ffn_up.weight").orElseThrow();
            float[] values = new float[Math.toIntExact(up.columns() * up.shape().getFirst())];
            up.type().decode(gguf.data(up), 0, values);
            long zeros = 0;
            for (float value : values) {
                zeros += value == 0 ? 1 : 0;
            }
            assertEquals(0.5, zeros / (double) values.length, 0.01);
        }
    }

    @Test
    void aGgufFileIsPrunedAndAnswers() {
        Path file = directory.resolve("tiny.gguf");
        Wanda.run("export", MODEL, "-o", file.toString(), "--type", "q8_0");
        Path half = directory.resolve("half");
        assertAnswers(
                file); // It is decoded for the tokenizer and for the weights at the same time.
        Wanda pruned =
                Wanda.run("prune", file.toString(), "-o", half.toString(), "--method", "magnitude");
        assertEquals(0, pruned.exitCode(), pruned.errors()::toString);
        assertAnswers(half);
    }

    private static void assertAnswers(Path model) {
        Wanda answer =
                Wanda.run("generate", model.toString(), "--prompt", "The", "--max-tokens", "4");
        assertEquals(0, answer.exitCode(), answer.errors()::toString);
        assertTrue(answer.out().strip().length() > 1, answer.out());
    }

    @Test
    void whatCannotBeExportedIsRefusedBeforeTheWork() {
        String opt = GoldenFamilies.of("opt").toString();
        Path file = directory.resolve("opt.gguf");
        Wanda refused = Wanda.run("export", opt, "-o", file.toString());
        assertEquals(2, refused.exitCode());
        assertTrue(
                refused.errors().getFirst().contains("llama.cpp has no architecture"),
                refused.errors()::toString);
        Wanda pruned =
                Wanda.run(
                        "prune",
                        opt,
                        "-o",
                        directory.resolve("half").toString(),
                        "--gguf",
                        file.toString());
        assertEquals(2, pruned.exitCode());
        assertTrue(Files.notExists(file));
        assertTrue(Files.notExists(directory.resolve("half")));
    }

    @Test
    void aFileIsReplacedByForceAlone() {
        Path file = directory.resolve("tiny.gguf");
        assertEquals(0, Wanda.run("export", MODEL, "-o", file.toString()).exitCode());
        Wanda again = Wanda.run("export", MODEL, "-o", file.toString());
        assertEquals(2, again.exitCode());
        assertTrue(
                again.errors().getFirst().contains("replace it with --force"),
                again.errors()::toString);
        assertEquals(0, Wanda.run("export", MODEL, "-o", file.toString(), "--force").exitCode());
    }

    private double perplexity(String model) {
        Path text = EvaluationText.beginningIn(directory);
        Wanda wanda =
                Wanda.run("eval", model, "--text", text.toString(), "--windows", "2", "--json");
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        return json(wanda).findValue("perplexity").asDouble();
    }

    private static JsonNode json(Wanda wanda) {
        return Json.parse(wanda.out().getBytes(StandardCharsets.UTF_8), "output");
    }
}
