package org.wanda4j.compare;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/// The cells that no other beats: none has both less perplexity and less cost, or less of one and as much of the other.
///
/// In time, cells of one pattern are compared with each other alone, in the first type of values: no pruned model is as good as
/// the dense one, which takes no time to make, and packing takes seconds in any type.
///
/// @param cost what quality is compared with
/// @param cells their names, the best first
/// @param sentence the same for people
public record Frontier(Cost cost, List<String> cells, String sentence) {

    /// Copies the list.
    public Frontier {
        cells = List.copyOf(cells);
    }

    /// The frontiers of some cells: one for each cost that was measured.
    static List<Frontier> of(List<Cell> cells) {
        List<Frontier> frontiers = new ArrayList<>();
        if (cells.stream().anyMatch(cell -> cell.values().isPresent())) {
            frontiers.add(of(Cost.SIZE, cells));
        }
        if (cells.stream().anyMatch(cell -> cell.speed().isPresent())) {
            frontiers.add(of(Cost.DECODE, cells));
        }
        ofTime(cells).ifPresent(frontiers::add);
        return frontiers;
    }

    private static Frontier of(Cost cost, List<Cell> cells) {
        List<Cell> measured = measured(cost, cells);
        List<Cell> best = unbeaten(measured, cost);
        boolean pruned = best.stream().anyMatch(cell -> !cell.isDense());
        String sentence =
                "Nothing is both better and %s than: %s.%s"
                        .formatted(
                                cost.comparative(),
                                list(best, cost, Cell::name),
                                pruned ? "" : " No pruned model is among them.");
        return new Frontier(cost, names(best), sentence);
    }

    /// Empty where no two cells have the same pattern.
    private static Optional<Frontier> ofTime(List<Cell> cells) {
        Optional<String> values = cells.getFirst().values();
        Map<String, List<Cell>> patterns =
                measured(Cost.TIME, cells).stream()
                        .filter(cell -> cell.values().equals(values))
                        .collect(
                                Collectors.groupingBy(
                                        Cell::pattern, LinkedHashMap::new, Collectors.toList()));
        patterns.values().removeIf(members -> members.size() < 2);
        if (patterns.isEmpty()) {
            return Optional.empty();
        }
        List<Cell> all = new ArrayList<>();
        List<String> texts = new ArrayList<>();
        patterns.forEach((pattern, members) -> {
            List<Cell> best = unbeaten(members, Cost.TIME);
            all.addAll(best);
            texts.add(
                    "at %s %s".formatted(Cell.label(pattern), list(best, Cost.TIME, Cell::method)));
        });
        String type = values.map(name -> " in " + name).orElse("");
        return Optional.of(
                new Frontier(
                        Cost.TIME,
                        names(all),
                        "Of the same zeros%s, nothing is both better and %s than: %s."
                                .formatted(
                                        type, Cost.TIME.comparative(), String.join("; ", texts))));
    }

    private static List<Cell> measured(Cost cost, List<Cell> cells) {
        return cells.stream().filter(cell -> cost.of(cell).isPresent()).toList();
    }

    private static List<Cell> unbeaten(List<Cell> cells, Cost cost) {
        return unbeaten(cells, Cell::perplexity, cell -> cost.of(cell).orElseThrow());
    }

    /// Those that no other beats in two numbers, less of each being better; by the first of them.
    public static <T> List<T> unbeaten(
            List<T> all, ToDoubleFunction<T> loss, ToDoubleFunction<T> cost) {
        List<T> sorted =
                all.stream()
                        .sorted(Comparator.comparingDouble(loss).thenComparingDouble(cost))
                        .toList();
        List<T> unbeaten = new ArrayList<>();
        for (T each : sorted) {
            if (unbeaten.isEmpty() || !beats(unbeaten.getLast(), each, loss, cost)) {
                unbeaten.add(each);
            }
        }
        return unbeaten;
    }

    /// Whether `one` is as good as `other` in both numbers, and better in one of them.
    private static <T> boolean beats(
            T one, T other, ToDoubleFunction<T> loss, ToDoubleFunction<T> cost) {
        boolean same =
                loss.applyAsDouble(one) == loss.applyAsDouble(other)
                        && cost.applyAsDouble(one) == cost.applyAsDouble(other);
        return !same
                && loss.applyAsDouble(one) <= loss.applyAsDouble(other)
                && cost.applyAsDouble(one) <= cost.applyAsDouble(other);
    }

    private static List<String> names(List<Cell> cells) {
        return cells.stream().map(Cell::name).toList();
    }

    private static String list(List<Cell> cells, Cost cost, Function<Cell, String> name) {
        return cells.stream()
                .map(cell ->
                        String.format(
                                Locale.ROOT,
                                "%s (%s, %.2f)",
                                name.apply(cell),
                                cost.text(cell),
                                cell.perplexity()))
                .collect(Collectors.joining(", "));
    }
}
