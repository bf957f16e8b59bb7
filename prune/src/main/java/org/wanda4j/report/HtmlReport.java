package org.wanda4j.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.wanda4j.checkpoint.AtomicFile;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;

/// A report as one HTML file that needs nothing else: data, plots (Chart.js) and sortable tables.
public final class HtmlReport {

    private static final String MARK = "<meta name=\"generator\" content=\"wanda4j\">";
    private static final String PAGE = "/org/wanda4j/report/report.html";
    private static final String CHART =
            "/META-INF/resources/webjars/chart.js/4.4.9/dist/chart.umd.js";

    private HtmlReport() {}

    /// Checks, before the run, that its report can be written: a file that is there is replaced where it is such a report.
    ///
    /// @param output directory of the run, which need not be there
    /// @throws InvalidInputException when it cannot
    public static void check(Path file, Path output) {
        AtomicFile.check(file, MARK, output);
    }

    /// Writes the report of a run or of a comparison; the file appears whole.
    ///
    /// @param data a [PruneReport], or an object with `model`, `dense` and `cells` as `docs/json.md` describes it
    /// @throws InvalidInputException when it cannot be written
    public static void write(Path file, String title, Object data) {
        String page =
                resource(PAGE)
                        .replace("{{title}}", escaped(title))
                        .replace("{{data}}", Json.write(data).replace("<", "\\u003c"))
                        .replace(
                                "{{chart}}", resource(CHART).replace("//# sourceMappingURL", "//"));
        AtomicFile.write(file, page);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace("\"", "&quot;");
    }

    private static String resource(String name) {
        try (InputStream in = HtmlReport.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the report lacks " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
