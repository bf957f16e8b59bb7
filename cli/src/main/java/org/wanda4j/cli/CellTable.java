package org.wanda4j.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.wanda4j.compare.Cell;
import org.wanda4j.compare.Comparison;

/// Cells as a table for people: a row each, with the columns that were measured.
final class CellTable {

    private CellTable() {}

    static String of(Comparison comparison) {
        Cell dense = comparison.dense();
        List<Cell> cells = Stream.concat(Stream.of(dense), comparison.cells().stream()).toList();
        List<String> tasks = List.copyOf(dense.tasks().keySet());
        boolean tokens = cells.stream().anyMatch(cell -> cell.bytesPerToken().isPresent());
        boolean speed = cells.stream().anyMatch(cell -> cell.speed().isPresent());
        List<String> header =
                new ArrayList<>(List.of("", "sparsity", "perplexity", "KL", "same choice"));
        header.addAll(tasks);
        header.add("size");
        if (tokens) {
            header.add("MB/token");
        }
        if (speed) {
            header.addAll(List.of("prefill", "decode"));
        }
        header.addAll(List.of("time", "peak memory"));
        List<List<String>> rows = new ArrayList<>(List.of(header));
        cells.forEach(cell -> rows.add(row(cell, tasks, tokens, speed)));
        return Format.table(rows);
    }

    private static List<String> row(Cell cell, List<String> tasks, boolean tokens, boolean speed) {
        List<String> row =
                new ArrayList<>(
                        List.of(
                                cell.name(),
                                Format.percent(cell.sparsity()),
                                "%.3f".formatted(cell.perplexity()),
                                cell.divergence().map(it -> "%.4f".formatted(it.mean())).orElse(""),
                                cell.divergence()
                                        .map(it -> Format.percent(it.sameChoice()))
                                        .orElse("")));
        tasks.forEach(task -> row.add(Format.percent(cell.tasks().get(task).accuracyNorm())));
        row.add("%.1f MB".formatted(cell.bytes() / 1e6));
        if (tokens) {
            row.add(megabytes(cell.bytesPerToken()));
        }
        if (speed) {
            row.add(cell.speed().map(it -> rate(it.prefillTokensPerSecond())).orElse(""));
            row.add(cell.speed().map(it -> rate(it.decodeTokensPerSecond())).orElse(""));
        }
        row.add(cell.seconds() == 0 ? "" : Format.duration(cell.seconds()));
        row.add(
                cell.peakResidentBytes().isPresent()
                        ? Format.megabytes(cell.peakResidentBytes())
                        : "");
        return row;
    }

    private static String rate(double tokensPerSecond) {
        return "%.0f /s".formatted(tokensPerSecond);
    }

    private static String megabytes(OptionalLong bytes) {
        return bytes.isPresent() ? "%.1f".formatted(bytes.getAsLong() / 1e6) : "";
    }
}
