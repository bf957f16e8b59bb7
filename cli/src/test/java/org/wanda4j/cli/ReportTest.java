package org.wanda4j.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
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

    /// A report replaces a report, and a picture a picture.
    @Test
    void whatTheProgramDidNotWriteIsNotReplaced() throws IOException {
        Path page = directory.resolve("grid/report.html");
        Path picture = directory.resolve("frontier.svg");
        String[] both = {
            "--values", "int8", "--report", page.toString(), "--svg", picture.toString()
        };
        assertEquals(0, compare("magnitude", "0.5", both).exitCode());
        assertEquals(0, compare("magnitude", "0.5", both).exitCode());
        for (Path file : List.of(page, picture)) {
            Files.writeString(file, "<html>mine</html>");
            refused("wanda4j did not write it", compare("wanda", "0.5", both));
            assertEquals("<html>mine</html>", Files.readString(file));
            Files.delete(file);
        }
        assertTrue(Files.notExists(directory.resolve("grid/cells/wanda-0.5.json")));
        String output = directory.resolve("out").toString();
        refused(
                "wanda4j did not write it",
                Wanda.run("prune", MODEL, "-o", output, "--report", directory.toString()));
        refused(
                "there is no directory",
                Wanda.run("prune", MODEL, "-o", output, "--report", directory + "/no/a.html"));
        assertTrue(Files.notExists(Path.of(output)));
    }

    private static void refused(String expected, Wanda run) {
        assertEquals(2, run.exitCode(), run.out());
        assertTrue(run.errors().getFirst().contains(expected), run.errors()::toString);
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

    /// Every cell as it is packed, the dense ones too, with its speed; and the page with the frontiers.
    @Test
    @EnabledIf(value = Browser.IS_THERE, disabledReason = Browser.ABSENT)
    void aBrowserDrawsTheFrontiersOfPackedCells() throws Exception {
        Path report = directory.resolve("grid.html");
        Wanda run =
                compare(
                        "magnitude",
                        "0.5,2:4",
                        "--values",
                        "int8",
                        "--bench",
                        "--report",
                        report.toString());
        assertEquals(0, run.exitCode(), run.errors()::toString);
        assertTrue(run.out().contains("Nothing is both better and smaller than: "), run.out());
        JsonNode comparison = Json.read(directory.resolve("grid/comparison.json"));
        assertEquals(
                List.of("dense int8", "magnitude 50 % int8", "magnitude 2:4 int8"),
                comparison
                        .get("cells")
                        .valueStream()
                        .map(it -> it.get("name").asString())
                        .toList());
        for (JsonNode cell : comparison.get("cells")) {
            assertTrue(cell.get("bytes").asLong() < comparison.get("dense").get("bytes").asLong());
            assertTrue(cell.get("speed").get("decodeTokensPerSecond").asDouble() > 0);
            assertTrue(cell.get("bytesPerToken").asLong() > 0);
        }
        List<String> costs =
                comparison
                        .get("frontiers")
                        .valueStream()
                        .map(it -> it.get("cost").asString())
                        .toList();
        assertEquals(List.of("size", "decode"), costs);
        String page = render(report);
        assertEquals(4, count(page, "<canvas"));
        assertEquals(2, count(page, "data-frontier="));
        assertEquals(4, count(page.substring(page.indexOf("<tbody>")), "<tr"));
    }

    /// Rounding is in the measured perplexity: that of the packed model's own weights.
    @Test
    void aPackedCellIsMeasuredAsItIsRounded() {
        Wanda run = compare("magnitude", "0.5", "--values", "bf16,int4", "--keep");
        assertEquals(0, run.exitCode(), run.errors()::toString);
        JsonNode cells = Json.read(directory.resolve("grid/comparison.json")).get("cells");
        for (String file : List.of("dense-int4", "magnitude-0.5-int4")) {
            Path unpacked = directory.resolve(file);
            Path packed = directory.resolve("grid/models").resolve(file);
            assertEquals(
                    0,
                    Wanda.run("unpack", packed.toString(), "-o", unpacked.toString()).exitCode());
            Wanda eval =
                    Wanda.run(
                            "eval",
                            unpacked.toString(),
                            "--reference",
                            MODEL,
                            "--text",
                            EvaluationText.beginningIn(directory).toString(),
                            "--seqlen",
                            "128",
                            "--windows",
                            "4",
                            "--json");
            JsonNode alone = Json.parse(eval.out().getBytes(UTF_8), "eval").get("results").get(0);
            JsonNode cell =
                    comparisonCell(
                            cells, file.replace("-0.5-", " 50 % ").replace("dense-", "dense "));
            assertEquals(alone.get("perplexity"), cell.get("perplexity"));
            assertEquals(alone.get("divergence").get("mean"), cell.get("divergence").get("mean"));
            assertTrue(
                    card(packed)
                            .contains(
                                    "| perplexity | %.3f |"
                                            .formatted(cell.get("perplexity").asDouble())),
                    () -> card(packed));
        }
        assertEquals(
                comparisonCell(cells, "dense bf16").get("perplexity"),
                Json.read(directory.resolve("grid/comparison.json"))
                        .get("dense")
                        .get("perplexity"));
    }

    private static JsonNode comparisonCell(JsonNode cells, String name) {
        return cells.valueStream()
                .filter(cell -> cell.get("name").asString().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static String card(Path model) {
        try {
            return Files.readString(model.resolve("README.md"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
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
