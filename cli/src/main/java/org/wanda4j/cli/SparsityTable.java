package org.wanda4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/// The sparsity of each block's linears as a table: a column for each kind of linear, experts counted together, and a row
/// for each run of blocks that are alike.
final class SparsityTable {

    private static final Pattern DOT = Pattern.compile("\\.");

    /// A linear.
    ///
    /// @param block from 0
    /// @param pattern the N:M pattern that its zeros follow
    record Cell(int block, String linear, long zeros, long weights, Optional<String> pattern) {

        /// The last part of the linear's name. Linears of experts go without the expert's number: `experts.w1` for
        /// `experts.3.w1`, `input_linear.gate` for `input_linear.3.gate`, `output_linear` for `output_linear.3`.
        String column() {
            List<String> parts = DOT.splitAsStream(linear).toList();
            int last = parts.size() - 1;
            if (isNumber(parts.get(last)) && last >= 1) {
                return parts.get(last - 1);
            }
            boolean expert =
                    last >= 2 && isNumber(parts.get(last - 1)) && !isBlocks(parts.get(last - 2));
            return expert ? parts.get(last - 2) + "." + parts.get(last) : parts.get(last);
        }

        private static boolean isNumber(String part) {
            return part.matches("\\d+");
        }

        private static boolean isBlocks(String part) {
            return part.matches("layers|h|blocks");
        }
    }

    private SparsityTable() {}

    /// @param blocks of the model
    /// @param cells in the order of the model
    /// @param total whether a column for the whole block comes first
    /// @param absent what stands where a block has no such cell
    static String of(int blocks, List<Cell> cells, boolean total, String absent) {
        Set<String> columns = new LinkedHashSet<>();
        cells.forEach(cell -> columns.add(cell.column()));
        List<String> header = new ArrayList<>(List.of("block"));
        if (total) {
            header.add("all");
        }
        header.addAll(columns);
        List<List<String>> rows = new ArrayList<>();
        for (int i = 0; i < blocks; i++) {
            int block = i;
            List<Cell> here = cells.stream().filter(cell -> cell.block() == block).toList();
            List<String> row = new ArrayList<>();
            if (total) {
                row.add(sparsity(here, absent));
            }
            for (String column : columns) {
                row.add(
                        sparsity(
                                here.stream().filter(cell -> cell.column().equals(column)).toList(),
                                absent));
            }
            rows.add(row);
        }
        return Format.blockTable(header, rows);
    }

    private static String sparsity(List<Cell> cells, String absent) {
        if (cells.isEmpty()) {
            return absent;
        }
        long zeros = cells.stream().mapToLong(Cell::zeros).sum();
        long weights = cells.stream().mapToLong(Cell::weights).sum();
        List<Optional<String>> patterns = cells.stream().map(Cell::pattern).distinct().toList();
        String pattern =
                patterns.size() == 1 ? patterns.getFirst().map(it -> " " + it).orElse("") : "";
        return Format.percent(zeros / (double) weights) + pattern;
    }
}
