package org.wanda4j.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/// The sparsity of each block's linears as a table: a column for each kind of linear, experts counted together, and a row
/// for each run of blocks that are alike. A dash stands where a block has no such linear, "dense" where it was left alone;
/// linears that were left alone in all blocks have no column.
final class SparsityTable {

    /// A linear.
    ///
    /// @param block from 0
    /// @param zeros empty where it was left alone
    /// @param pattern the N:M pattern that its zeros follow
    record Cell(
            int block, String linear, OptionalLong zeros, long weights, Optional<String> pattern) {}

    private SparsityTable() {}

    /// @param blocks of the model
    /// @param cells in the order of the model
    /// @param total whether a column for the whole block comes first
    static String of(int blocks, List<Cell> cells, boolean total) {
        Map<String, List<Cell>> columns = LinearKinds.group(cells, Cell::linear);
        columns.values().removeIf(column -> column.stream().allMatch(it -> it.zeros().isEmpty()));
        List<String> header = new ArrayList<>(List.of("block"));
        if (total) {
            header.add("all");
        }
        header.addAll(columns.keySet());
        List<List<String>> rows = new ArrayList<>();
        for (int block = 0; block < blocks; block++) {
            List<String> row = new ArrayList<>();
            if (total) {
                row.add(sparsity(block, cells));
            }
            for (List<Cell> column : columns.values()) {
                row.add(sparsity(block, column));
            }
            rows.add(row);
        }
        return Format.blockTable(header, rows);
    }

    private static String sparsity(int block, List<Cell> cells) {
        List<Cell> here = cells.stream().filter(cell -> cell.block() == block).toList();
        if (here.isEmpty()) {
            return "-";
        }
        List<Cell> sparse = here.stream().filter(cell -> cell.zeros().isPresent()).toList();
        if (sparse.isEmpty()) {
            return "dense";
        }
        long zeros = sparse.stream().mapToLong(cell -> cell.zeros().orElseThrow()).sum();
        long weights = sparse.stream().mapToLong(Cell::weights).sum();
        List<Optional<String>> patterns = sparse.stream().map(Cell::pattern).distinct().toList();
        String pattern =
                patterns.size() == 1 ? patterns.getFirst().map(it -> " " + it).orElse("") : "";
        return Format.percent(zeros / (double) weights) + pattern;
    }
}
