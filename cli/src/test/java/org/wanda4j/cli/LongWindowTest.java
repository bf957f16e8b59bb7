package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.EvaluationText;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;

/// Windows longer than the model's context, which is 512 tokens here.
class LongWindowTest {

    private static final Path MODEL = SharedFiles.tinyLlama();

    @TempDir private Path directory;

    @Test
    void evaluationSaysThatThePerplexityIsNotComparable() {
        assertEquals("", told(512));
        assertTrue(
                told(513)
                        .contains(
                                "windows of 513 tokens are longer than the model's context of 512"),
                told(513));
    }

    private static String told(int seqlen) {
        PrintStream err = System.err;
        var captured = new ByteArrayOutputStream();
        try {
            System.setErr(new PrintStream(captured, true, StandardCharsets.UTF_8));
            Evaluation.of(
                            Optional.of(EvaluationText.beginning()),
                            seqlen,
                            1,
                            List.of(),
                            null,
                            Optional.empty())
                    .check(List.of(MODEL), Optional.empty());
        } finally {
            System.setErr(err);
        }
        return captured.toString(StandardCharsets.UTF_8);
    }

    @Test
    void theReportOfARunSaysIt() throws IOException {
        assertEquals(0, prune("within", 64));
        assertEquals(0, prune("beyond", 600));
        assertTrue(Json.read(report("within")).path("notes").isEmpty());
        assertEquals(
                "calibration windows of 600 tokens are longer than the model's context of 512",
                Json.read(report("beyond")).path("notes").path(0).asString());
    }

    private Path report(String name) {
        return directory.resolve(name).resolve("wanda-report.json");
    }

    private int prune(String name, int seqlen) {
        return Wanda.run(
                        "prune",
                        MODEL.toString(),
                        "-o",
                        directory.resolve(name).toString(),
                        "--windows",
                        "1",
                        "--seqlen",
                        "" + seqlen)
                .exitCode();
    }
}
