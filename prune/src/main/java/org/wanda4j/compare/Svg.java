package org.wanda4j.compare;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// Writes an SVG document. Coordinates are in its units, from the upper left corner.
final class Svg {

    /// By which a document of this program is known.
    static final String MARK = "<!-- Generator: wanda4j -->";

    /// Where a text stands to its point.
    enum Anchor {
        START,
        MIDDLE,
        END
    }

    /// A point.
    record At(double x, double y) {

        private String text() {
            return number(x) + " " + number(y);
        }
    }

    private final StringBuilder body = new StringBuilder();
    private final double width;
    private final double height;

    Svg(double width, double height) {
        this.width = width;
        this.height = height;
    }

    /// @param classes of the style sheet
    void rectangle(String classes, At corner, double w, double h) {
        element(
                "<rect class=\"%s\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"/>"
                        .formatted(
                                classes, number(corner.x), number(corner.y), number(w), number(h)));
    }

    void circle(String classes, At centre, double radius) {
        element(
                "<circle class=\"%s\" cx=\"%s\" cy=\"%s\" r=\"%s\"/>"
                        .formatted(classes, number(centre.x), number(centre.y), number(radius)));
    }

    /// A line through points, open.
    void line(String classes, List<At> points) {
        element("<path class=\"%s\" d=\"M%s\"/>".formatted(classes, joined(points)));
    }

    /// A closed shape.
    void shape(String classes, List<At> corners) {
        element("<path class=\"%s\" d=\"M%sz\"/>".formatted(classes, joined(corners)));
    }

    void text(String classes, At at, Anchor anchor, String text) {
        element(
                "<text class=\"%s\" x=\"%s\" y=\"%s\" text-anchor=\"%s\">%s</text>"
                        .formatted(
                                classes,
                                number(at.x),
                                number(at.y),
                                anchor.name().toLowerCase(Locale.ROOT),
                                escaped(text)));
    }

    /// A text that runs upwards.
    void upright(String classes, At at, String text) {
        element(
                "<text class=\"%s\" text-anchor=\"middle\" transform=\"translate(%s) rotate(-90)\">%s</text>"
                        .formatted(classes, at.text(), escaped(text)));
    }

    private void element(String text) {
        body.append("  ").append(text).append('\n');
    }

    private static String joined(List<At> points) {
        return points.stream().map(At::text).collect(Collectors.joining(" L"));
    }

    private static String number(double value) {
        double rounded = Math.round(value * 10) / 10.0;
        return rounded == Math.rint(rounded) ? "" + (long) rounded : "" + rounded;
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    /// The document.
    ///
    /// @param description what it shows, for those who cannot see it
    /// @param style sheet
    String document(String title, String description, String style) {
        return """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img" aria-labelledby="title description">
          %s
          <title id="title">%s</title>
          <desc id="description">%s</desc>
          <style>
        %s  </style>
        %s</svg>
        """
                .formatted(
                        number(width),
                        number(height),
                        MARK,
                        escaped(title),
                        escaped(description),
                        style.indent(4),
                        body);
    }
}
