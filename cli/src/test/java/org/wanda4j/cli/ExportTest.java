package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.EvaluationText;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.GgufFile;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.gguf.GgufExport;
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

    @Test
    void theModelStaysWhateverIsForced() throws IOException {
        Path model = TinyModel.copyTo(directory.resolve("model")).directory();
        Path weights = model.resolve("model.safetensors");
        Path file = model.resolve("tiny.gguf");
        Wanda.run("export", MODEL, "-o", file.toString(), "--type", "q8_0");
        String half = directory.resolve("half").toString();
        refused("is the model itself", "export", file, "-o", file);
        refused("is the model itself", "prune", file, "-o", half, "--gguf", file);
        refused("is no GGUF file", "export", model, "-o", weights);
        refused("the output must lie outside", "prune", file, "-o", model);
        refused("the output must lie outside", "unpack", file, "-o", model);
        refused("the output must lie outside", "recover", MODEL, "--teacher", file, "-o", model);
        assertTrue(Files.size(file) < Files.size(weights));
        assertEquals(-1, Files.mismatch(weights, Path.of(MODEL, "model.safetensors")));
        assertTrue(Files.notExists(Path.of(half)));
    }

    private static void refused(String expected, Object... arguments) {
        Wanda wanda =
                Wanda.run(
                        Stream.concat(
                                        Stream.of(arguments).map(Object::toString),
                                        Stream.of("--force"))
                                .toArray(String[]::new));
        assertEquals(2, wanda.exitCode(), wanda.out());
        assertTrue(wanda.errors().getFirst().contains(expected), wanda.errors()::toString);
    }

    @Test
    void twoRunsDoNotWriteToOneFile() throws IOException {
        Path file = directory.resolve("tiny.gguf");
        try (Checkpoint source = Checkpoint.open(SharedFiles.tinyLlama());
                GgufExport first = GgufExport.begin(source, file, Optional.empty(), false)) {
            Wanda second = Wanda.run("export", MODEL, "-o", file.toString(), "--type", "q4_0");
            assertEquals(2, second.exitCode());
            assertTrue(
                    second.errors().getFirst().contains("another run is writing there"),
                    second.errors()::toString);
            first.run(_ -> {});
        }
        Path alone = directory.resolve("alone").resolve("tiny.gguf");
        Files.createDirectory(alone.getParent());
        assertEquals(0, Wanda.run("export", MODEL, "-o", alone.toString()).exitCode());
        assertEquals(-1, Files.mismatch(file, alone));
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
