package org.wanda4j.compare;

import java.util.List;
import java.util.stream.Stream;

/// A model and variants of it. Serialised as it stands: `docs/json.md` documents the fields.
///
/// @param model directory
/// @param dense the model as it was given
/// @param cells the variants
/// @param frontiers those that no other beats, for each cost that was measured
public record Comparison(String model, Cell dense, List<Cell> cells, List<Frontier> frontiers) {

    /// Copies the lists.
    public Comparison {
        cells = List.copyOf(cells);
        frontiers = List.copyOf(frontiers);
    }

    /// The comparison of `cells`.
    public static Comparison of(String model, Cell dense, List<Cell> cells) {
        return new Comparison(model, dense, cells, Frontier.of(compared(dense, cells)));
    }

    /// The cells that are compared. Where they are packed, the dense model as it was given is none of them: it is there packed.
    List<Cell> compared() {
        return compared(dense, cells);
    }

    private static List<Cell> compared(Cell dense, List<Cell> cells) {
        boolean packed = cells.stream().anyMatch(cell -> cell.values().isPresent());
        return packed ? cells : Stream.concat(Stream.of(dense), cells.stream()).toList();
    }
}
