package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.wanda4j.checkpoint.ModelName;
import org.wanda4j.evaluate.Divergence;

/// Numbers and tables for people.
final class Format {

    private Format() {}

    static String percent(double fraction) {
        return "%.2f %%".formatted(100 * fraction);
    }

    static String megabytes(long bytes) {
        return "%,d MB".formatted(Math.round(bytes / 1e6));
    }

    static String megabytes(OptionalLong bytes) {
        return bytes.isPresent() ? megabytes(bytes.getAsLong()) : "unknown";
    }

    static String duration(double seconds) {
        if (seconds < 60) {
            return "%.1f s".formatted(seconds);
        }
        long whole = Math.round(seconds);
        return whole < 3600
                ? "%d min %02d s".formatted(whole / 60, whole % 60)
                : "%d h %02d min".formatted(whole / 3600, whole % 3600 / 60);
    }

    /// What a model is called in a table: what was given for it, where it is of the hub its id.
    static String model(String directory) {
        String name = ModelName.of(Path.of(directory));
        return name.contains("/") ? name : directory;
    }

    /// Mean, 99th percentile, and share of the same first choice.
    static List<String> divergence(Divergence divergence) {
        return List.of(
                "%.4f".formatted(divergence.mean()),
                "%.3f".formatted(divergence.percentile99()),
                percent(divergence.sameChoice()));
    }

    /// A table with aligned columns: the first to the left, the others to the right.
    static String table(List<List<String>> rows) {
        int columns = rows.getFirst().size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < columns; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        List<String> lines = new ArrayList<>();
        for (List<String> row : rows) {
            var line = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                String padding = " ".repeat(widths[i] - row.get(i).length());
                line.append(i == 0 ? row.get(i) + padding : "  " + padding + row.get(i));
            }
            lines.add(line.toString().stripTrailing());
        }
        return String.join("\n", lines);
    }

    /// Rows of `cells` by block; runs of blocks with the same cells become one row.
    static String blockTable(List<String> header, List<List<String>> cells) {
        List<List<String>> rows = new ArrayList<>(List.of(header));
        int from = 0;
        for (int i = 1; i <= cells.size(); i++) {
            if (i == cells.size() || !cells.get(i).equals(cells.get(from))) {
                List<String> row = new ArrayList<>();
                row.add(from == i - 1 ? "" + from : from + "-" + (i - 1));
                row.addAll(cells.get(from));
                rows.add(row);
                from = i;
            }
        }
        return table(rows);
    }
}
