package org.wanda4j.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.EvaluationText;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// The best variant within a budget, on a tiny model.
class FitTest {

    private static final String MODEL = SharedFiles.tinyLlama().toString();

    @TempDir private Path directory;
    @TempDir private Path text;

    /// Smaller than any dense variant: pruned, and measured to keep to the size.
    @Test
    void aSizeBelowTheDenseOnesIsKeptByPruning() throws IOException {
        Wanda fit = fit("--size", "1.3MB", "--json");
        assertEquals(0, fit.exitCode(), fit.errors()::toString);
        JsonNode report = Json.parse(fit.out().getBytes(UTF_8), "fit");
        Path output = directory.resolve("out");
        JsonNode cell = report.get("cell");
        try (Checkpoint checkpoint = Checkpoint.open(output)) {
            assertTrue(checkpoint.bytes() <= 1_300_000, () -> "" + checkpoint.bytes());
            assertTrue(checkpoint.bytes() > 1_200_000, () -> "room is left: " + checkpoint.bytes());
            assertEquals(checkpoint.bytes(), cell.get("bytes").asLong());
        }
        assertTrue(cell.get("sparsity").asDouble() > 0, cell::toString);
        assertTrue(cell.get("speed").get("decodeTokensPerSecond").asDouble() > 0, cell::toString);
        assertTrue(report.get("candidates").get(0).get("measured").asBoolean(), report::toString);
        assertTrue(Files.readString(output.resolve("README.md")).contains("## Measured"));
        assertEquals(List.of("out"), left());
        Wanda eval =
                Wanda.run(
                        "eval",
                        output.toString(),
                        "--text",
                        EvaluationText.beginningIn(text).toString(),
                        "--seqlen",
                        "64",
                        "--windows",
                        "8",
                        "--json");
        assertEquals(
                cell.get("perplexity"),
                Json.parse(eval.out().getBytes(UTF_8), "eval")
                        .get("results")
                        .get(0)
                        .get("perplexity"));
    }

    @ParameterizedTest
    @CsvSource({
        "--size, 0.2MB, 80 % int4",
        "--quality, 0.5, times the dense perplexity",
        "--size, 80 apples, '80MB or 1.5GB'",
        "--quality, 0, above 0"
    })
    void whatCannotBeReachedIsRefusedWithTheNearest(String option, String value, String reason)
            throws IOException {
        Wanda fit = fit(option, value);
        assertEquals(2, fit.exitCode(), fit.errors()::toString);
        String last = fit.errors().getLast();
        assertTrue(last.contains(reason), last);
        assertFalse(last.contains("Infinity"), last);
        assertEquals(List.of(), left());
    }

    private Wanda fit(String... options) {
        List<String> fixed =
                List.of(
                        "fit",
                        MODEL,
                        "-o",
                        directory.resolve("out").toString(),
                        "--minutes",
                        "600",
                        "--windows",
                        "8",
                        "--seqlen",
                        "64",
                        "--eval-text",
                        EvaluationText.beginningIn(text).toString(),
                        "--eval-seqlen",
                        "64",
                        "--eval-windows",
                        "8");
        return Wanda.run(Stream.concat(fixed.stream(), Stream.of(options)).toArray(String[]::new));
    }

    private List<String> left() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
