package org.wanda4j.compare;

import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.AtomicFile;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.compare.Svg.Anchor;
import org.wanda4j.compare.Svg.At;

/// Perplexity against size, and against decode speed, as an SVG document: a panel for each that was measured.
///
/// Colour is the method, shape the type of the values. Cells of a method are joined by a line from the dense model on, N:M
/// patterns stand apart and are hollow, and what nothing beats has a ring and its name. Readable on light and dark pages.
public final class FrontierPicture {

    private static final double WIDTH = 920;
    private static final double HEIGHT = 440;
    private static final double TOP = 46;
    private static final double BOTTOM = 350;
    private static final double LEFT_MARGIN = 52;
    private static final double RIGHT_MARGIN = 52;
    private static final double GAP = 12;
    private static final double SIZE = 4.5;
    private static final double RING = 8.5;

    /// Okabe and Ito's colours, which differ for colour-blind eyes too; lighter ones for dark pages.
    private static final List<String> LIGHT =
            List.of("#0072b2", "#d55e00", "#009e73", "#b8578f", "#b07800", "#3592c4", "#6a4fb3");

    private static final List<String> DARK =
            List.of("#4fa8e0", "#f07b3f", "#2fc79a", "#e3a0c6", "#f5be4a", "#9fd8f8", "#c7a4ff");

    private static final List<String> DASHES = List.of("none", "5 3", "2 3");

    private final Svg svg = new Svg(WIDTH, HEIGHT);
    private final Comparison comparison;
    private final List<Cell> cells;
    private final List<String> methods;
    private final List<Optional<String>> widths;

    private FrontierPicture(Comparison comparison) {
        this.comparison = comparison;
        this.cells = comparison.compared();
        this.methods =
                cells.stream()
                        .filter(cell -> !cell.isDense())
                        .map(Cell::method)
                        .distinct()
                        .toList();
        this.widths = cells.stream().map(Cell::values).distinct().toList();
    }

    /// Checks, before a comparison, that its picture can be written to `file`: one that is there is replaced where it is such a picture.
    ///
    /// @param output directory of the comparison, which need not be there
    /// @throws InvalidInputException when it cannot
    public static void check(Path file, Path output) {
        AtomicFile.check(file, Svg.MARK, output);
    }

    /// Draws a comparison in which size or speed was measured.
    ///
    /// @param title what it is a comparison of
    public static String of(String title, Comparison comparison) {
        return new FrontierPicture(comparison).draw(title);
    }

    private String draw(String title) {
        List<Frontier> panels =
                comparison.frontiers().stream()
                        .filter(frontier -> frontier.cost() != Cost.TIME)
                        .toList();
        svg.rectangle("paper", new At(0, 0), WIDTH, HEIGHT);
        double width = (WIDTH - GAP * (panels.size() - 1)) / Math.max(1, panels.size());
        for (int i = 0; i < panels.size(); i++) {
            double left = i * (width + GAP);
            new Panel(panels.get(i), left + LEFT_MARGIN, left + width - RIGHT_MARGIN).draw();
        }
        key();
        String description =
                panels.stream().map(Frontier::sentence).collect(Collectors.joining(" "));
        return svg.document(title, description, style());
    }

    private String style() {
        var sheet = new StringBuilder();
        sheet.append("text { font: 11px system-ui, sans-serif; } .strong { font-weight: 600; }\n");
        sheet.append("path, circle { fill: none; stroke-width: 1.6; } .thin { stroke-width: 1; }");
        sheet.append(" .wide { stroke-width: 9; stroke-opacity: .18; stroke-linejoin: round; }\n");
        for (int i = 0; i < DASHES.size(); i++) {
            sheet.append(".dash%d { stroke-dasharray: %s; } ".formatted(i, DASHES.get(i)));
        }
        sheet.append('\n').append(colours("#1d2330", "#5b6475", "#ffffff", "#d9dee7", LIGHT));
        sheet.append("@media (prefers-color-scheme: dark) {\n");
        sheet.append(colours("#e6e9ef", "#a0a9b8", "#14171d", "#333a46", DARK)).append("}\n");
        return sheet.toString();
    }

    private String colours(
            String ink, String soft, String paper, String line, List<String> palette) {
        var rules = new StringBuilder();
        rules.append(
                ".ink, .dense { stroke: %s; } text, .full.dense { fill: %s; }\n"
                        .formatted(ink, ink));
        rules.append(
                ".soft { stroke: %s; } text.soft, .full.soft { fill: %s; }\n"
                        .formatted(soft, soft));
        rules.append(".paper { fill: %s; } .line { stroke: %s; }\n".formatted(paper, line));
        rules.append(
                "text.soft, text.strong { stroke: none; } text.halo.halo { stroke: %s; stroke-width: 4; stroke-linejoin: round; paint-order: stroke; }\n"
                        .formatted(paper));
        for (int i = 0; i < Math.min(methods.size(), palette.size()); i++) {
            String colour = palette.get(i);
            rules.append(
                    ".m%d { stroke: %s; } .full.m%d { fill: %s; }\n"
                            .formatted(i, colour, i, colour));
        }
        return rules.toString();
    }

    private String colour(String method) {
        return method.equals(Cell.DENSE) ? "dense" : "m" + methods.indexOf(method) % LIGHT.size();
    }

    /// A cell's mark.
    private void mark(String colour, Optional<String> values, boolean hollow, At at) {
        String classes = colour + (hollow ? " paper" : " full");
        int shape = widths.indexOf(values);
        double x = at.x();
        double y = at.y();
        switch (shape) {
            case 0 -> svg.circle(classes, at, SIZE);
            case 1 ->
                    svg.shape(
                            classes,
                            List.of(
                                    new At(x - 4, y - 4),
                                    new At(x + 4, y - 4),
                                    new At(x + 4, y + 4),
                                    new At(x - 4, y + 4)));
            case 2 ->
                    svg.shape(
                            classes,
                            List.of(new At(x, y - 5), new At(x + 5, y + 4), new At(x - 5, y + 4)));
            default ->
                    svg.shape(
                            classes,
                            List.of(
                                    new At(x, y - 5.5),
                                    new At(x + 5.5, y),
                                    new At(x, y + 5.5),
                                    new At(x - 5.5, y)));
        }
    }

    private void key() {
        double y = HEIGHT - 22;
        double x = 20;
        for (String method : Stream.concat(Stream.of(Cell.DENSE), methods.stream()).toList()) {
            svg.line(colour(method), List.of(new At(x, y), new At(x + 16, y)));
            x = keyText(x + 21, y, method);
        }
        if (widths.size() > 1 || widths.getFirst().isPresent()) {
            for (Optional<String> values : widths) {
                mark("soft", values, false, new At(x + 5, y));
                x = keyText(x + 15, y, values.orElse("as given"));
            }
        }
        if (cells.stream().anyMatch(FrontierPicture::isNofM)) {
            mark("soft", widths.getFirst(), true, new At(x + 5, y));
            x = keyText(x + 15, y, "N:M");
        }
        svg.circle("ink thin", new At(x + 9, y), RING);
        mark("soft", widths.getFirst(), false, new At(x + 9, y));
        keyText(x + 22, y, "nothing beats it");
    }

    /// Where the next entry begins.
    private double keyText(double x, double y, String text) {
        svg.text("", new At(x, y + 4), Anchor.START, text);
        return x + width(text) + 16;
    }

    private static boolean isNofM(Cell cell) {
        return cell.pattern().contains(":");
    }

    /// About how wide a text is.
    private static double width(String text) {
        return 6.8 * text.length();
    }

    private static String number(double value) {
        return new BigDecimal(value).round(new MathContext(3)).stripTrailingZeros().toPlainString();
    }

    /// One plot.
    private final class Panel {

        private final Cost cost;
        private final Set<String> best;
        private final List<Cell> measured;
        private final double left;
        private final double right;
        private final Axis across;
        private final Axis up;
        private final List<double[]> taken = new ArrayList<>();

        Panel(Frontier frontier, double left, double right) {
            this.cost = frontier.cost();
            this.best = Set.copyOf(frontier.cells());
            this.left = left;
            this.right = right;
            this.measured = cells.stream().filter(cell -> cost.of(cell).isPresent()).toList();
            this.across = Axis.linear(measured.stream().map(this::shown).toList(), left, right);
            this.up =
                    Axis.logarithmic(measured.stream().map(Cell::perplexity).toList(), BOTTOM, TOP);
        }

        private double shown(Cell cell) {
            return cost.shown(cost.of(cell).orElseThrow());
        }

        private At at(Cell cell) {
            return new At(across.place(shown(cell)), up.place(cell.perplexity()));
        }

        void draw() {
            frame();
            List<Cell> frontier = measured.stream().filter(this::isBest).toList();
            line(
                    "ink wide",
                    frontier.stream()
                            .sorted(Comparator.comparingDouble(Cell::perplexity))
                            .toList());
            lines();
            measured.forEach(
                    cell -> mark(colour(cell.method()), cell.values(), isNofM(cell), at(cell)));
            frontier.forEach(cell -> svg.circle("ink thin", at(cell), RING));
            labels(frontier);
        }

        private boolean isBest(Cell cell) {
            return best.contains(cell.name());
        }

        private void frame() {
            svg.text(
                    "strong",
                    new At(left, TOP - 24),
                    Anchor.START,
                    "Quality against " + (cost == Cost.SIZE ? "size" : "decode speed"));
            svg.text(
                    "soft",
                    new At(right, TOP - 24),
                    Anchor.END,
                    "lower %s is better".formatted(cost == Cost.SIZE ? "left" : "right"));
            for (double tick : across.ticks()) {
                double x = across.place(tick);
                svg.line("line thin", List.of(new At(x, TOP), new At(x, BOTTOM)));
                svg.text("soft", new At(x, BOTTOM + 15), Anchor.MIDDLE, number(tick));
            }
            for (double tick : up.ticks()) {
                double y = up.place(tick);
                svg.line("line thin", List.of(new At(left, y), new At(right, y)));
                svg.text("soft", new At(left - 6, y + 4), Anchor.END, number(tick));
            }
            Axis ratio = up.in(comparison.dense().perplexity());
            for (double tick : ratio.ticks()) {
                double y = ratio.place(tick);
                svg.line("line thin", List.of(new At(right, y), new At(right + 4, y)));
                svg.text("soft", new At(right + 7, y + 4), Anchor.START, number(tick) + "x");
            }
            svg.line(
                    "line thin",
                    List.of(
                            new At(left, TOP),
                            new At(left, BOTTOM),
                            new At(right, BOTTOM),
                            new At(right, TOP)));
            String unit = cost == Cost.SIZE ? "MB of weights" : "tokens/s, decoding one text";
            svg.text("soft", new At((left + right) / 2, BOTTOM + 32), Anchor.MIDDLE, unit);
            svg.upright("soft", new At(left - 36, (TOP + BOTTOM) / 2), "perplexity");
            svg.upright("soft", new At(right + 42, (TOP + BOTTOM) / 2), "times the dense one");
        }

        /// From the dense cell of a type of values to the method's greatest sparsity; and through the dense cells.
        private void lines() {
            List<Cell> dense = measured.stream().filter(Cell::isDense).toList();
            line("dense", dense);
            for (String method : methods) {
                for (int i = 0; i < widths.size(); i++) {
                    Optional<String> values = widths.get(i);
                    List<Cell> pruned =
                            measured.stream()
                                    .filter(cell -> cell.method().equals(method) && !isNofM(cell))
                                    .filter(cell -> cell.values().equals(values))
                                    .sorted(Comparator.comparingDouble(Cell::sparsity))
                                    .toList();
                    Stream<Cell> from = dense.stream().filter(cell -> cell.values().equals(values));
                    if (!pruned.isEmpty()) {
                        line(
                                "%s dash%d".formatted(colour(method), i % DASHES.size()),
                                Stream.concat(from, pruned.stream()).toList());
                    }
                }
            }
        }

        private void line(String classes, List<Cell> through) {
            if (through.size() > 1) {
                svg.line(classes, through.stream().map(this::at).toList());
            }
        }

        /// What nothing beats by its name; of the others one of each pattern and type of values, where there is room.
        private void labels(List<Cell> frontier) {
            measured.forEach(cell -> take(at(cell).x() - 6, at(cell).y() - 6, 12, 12));
            frontier.forEach(cell -> label(cell, cell.name(), "strong halo", RING + 4));
            Map<String, Cell> others = new LinkedHashMap<>();
            measured.stream()
                    .filter(cell -> !cell.isDense() && !isBest(cell))
                    .forEach(cell ->
                            others.merge(
                                    cell.pattern() + " " + cell.values(),
                                    cell,
                                    (a, b) -> a.perplexity() > b.perplexity() ? a : b));
            Collection<Cell> rest = others.values();
            rest.forEach(cell -> label(cell, Cell.label(cell.pattern()), "soft halo", 8));
        }

        private void label(Cell cell, String text, String classes, double away) {
            double x = at(cell).x();
            double y = at(cell).y();
            double w = width(text);
            double[][] corners = {
                {x + away, y - 7},
                {x - away - w, y - 7},
                {x - w / 2, y - away - 14},
                {x - w / 2, y + away},
                {x + away, y - 18},
                {x + away, y + 4},
                {x - away - w, y - 18},
                {x - away - w, y + 4}
            };
            for (double[] corner : corners) {
                boolean inside =
                        corner[0] > left
                                && corner[0] + w < right
                                && corner[1] > TOP - 8
                                && corner[1] + 14 < BOTTOM;
                if (inside && isFree(corner[0], corner[1], w, 14)) {
                    svg.text(classes, new At(corner[0], corner[1] + 11), Anchor.START, text);
                    take(corner[0], corner[1], w, 14);
                    return;
                }
            }
        }

        private void take(double x, double y, double w, double h) {
            taken.add(new double[] {x, y, x + w, y + h});
        }

        private boolean isFree(double x, double y, double w, double h) {
            return taken.stream()
                    .noneMatch(box -> x < box[2] && x + w > box[0] && y < box[3] && y + h > box[1]);
        }
    }
}
