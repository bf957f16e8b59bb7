package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Browser;
import org.wanda4j.EvaluationText;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// Comparisons, and reports as a browser shows them.
class ReportTest {

    private static final String MODEL = SharedFiles.tinyLlama().toString();

    @TempDir private Path directory;

    @Test
    void aComparisonComputesEachCellOnceAndGoesOnWhereItWas() throws IOException {
        Wanda first = compare("wanda", "0.5");
        assertEquals(0, first.exitCode(), first.errors()::toString);
        Path cell = directory.resolve("grid/cells/wanda-0.5.json");
        String before = Files.readString(cell);
        Wanda second = compare("wanda,magnitude", "0.5,2:4");
        assertEquals(0, second.exitCode(), second.errors()::toString);
        assertTrue(second.errors().contains("wanda-0.5: kept from before"));
        assertEquals(before, Files.readString(cell));
        JsonNode comparison = Json.read(directory.resolve("grid/comparison.json"));
        assertEquals(4, comparison.get("cells").size());
        for (JsonNode each : comparison.get("cells")) {
            assertTrue(
                    each.get("perplexity").asDouble()
                            > comparison.get("dense").get("perplexity").asDouble());
            assertEquals(0.5, each.get("sparsity").asDouble(), 0.01);
        }
        try (Stream<Path> models = Files.list(directory.resolve("grid/models"))) {
            assertEquals(0, models.count());
        }
    }

    @Test
    void anotherRecipeIsAnotherCell() {
        compare("wanda", "0.5");
        Wanda other = compare("wanda", "0.5", "--seed", "7");
        assertEquals(0, other.exitCode(), other.errors()::toString);
        assertFalse(other.errors().contains("wanda-0.5: kept from before"));
    }

    @Test
    @EnabledIf(value = Browser.IS_THERE, disabledReason = Browser.ABSENT)
    void aBrowserDrawsTheReportOfARun() throws Exception {
        Path report = directory.resolve("run.html");
        Wanda run =
                Wanda.run(
                        "prune",
                        MODEL,
                        "-o",
                        directory.resolve("out").toString(),
                        "--tune-epochs",
                        "1",
                        "--windows",
                        "8",
                        "--seqlen",
                        "64",
                        "--report",
                        report.toString());
        assertEquals(0, run.exitCode(), run.errors()::toString);
        String page = render(report);
        assertEquals(4, count(page, "<canvas"));
        assertTrue(page.contains("model.layers.5.mlp.down_proj"));
        assertTrue(page.contains("Reconstruction error by block"));
    }

    @Test
    @EnabledIf(value = Browser.IS_THERE, disabledReason = Browser.ABSENT)
    void aBrowserDrawsTheReportOfAComparison() throws Exception {
        Path report = directory.resolve("grid.html");
        Wanda run = compare("wanda,magnitude", "0.5,2:4", "--report", report.toString());
        assertEquals(0, run.exitCode(), run.errors()::toString);
        String page = render(report);
        assertEquals(2, count(page, "<canvas"));
        assertEquals(5, count(page.substring(page.indexOf("<tbody>")), "<tr>"));
        assertFalse(Pattern.compile("(src|href)=").matcher(Files.readString(report)).find());
    }

    private Wanda compare(String methods, String sparsities, String... options) {
        List<String> fixed =
                List.of(
                        "compare",
                        MODEL,
                        "-o",
                        directory.resolve("grid").toString(),
                        "--methods",
                        methods,
                        "--sparsities",
                        sparsities,
                        "--eval-text",
                        EvaluationText.beginningIn(directory).toString(),
                        "--windows",
                        "8",
                        "--seqlen",
                        "64",
                        "--eval-seqlen",
                        "128",
                        "--eval-windows",
                        "4");
        return Wanda.run(Stream.concat(fixed.stream(), Stream.of(options)).toArray(String[]::new));
    }

    /// The page's DOM once its script has run to the end, without the script itself.
    private String render(Path page) throws IOException, InterruptedException {
        try (Browser browser =
                Browser.open(directory.resolve("browser"), page.toUri().toString())) {
            browser.await("document.querySelector('[data-ready=\"true\"]') !== null");
            String text = browser.evaluate("document.documentElement.outerHTML");
            return text.substring(0, text.indexOf("<script"));
        }
    }

    private static int count(String text, String part) {
        return text.split(Pattern.quote(part), -1).length - 1;
    }
}
