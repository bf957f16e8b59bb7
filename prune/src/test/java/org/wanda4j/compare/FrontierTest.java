package org.wanda4j.compare;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/// Which cells no other beats.
class FrontierTest {

    private record Point(int loss, int cost) {}

    /// Few different numbers, so that many points are alike in one or both.
    @Property
    void whatIsFoundIsWhatEveryPairOfPointsSays(
            @ForAll @Size(max = 40) List<@IntRange(max = 63) Integer> codes) {
        List<Point> points = codes.stream().map(code -> new Point(code / 8, code % 8)).toList();
        List<Point> found = Frontier.unbeaten(points, Point::loss, Point::cost);
        Map<Point, Long> expected =
                points.stream()
                        .filter(point -> points.stream().noneMatch(it -> beats(it, point)))
                        .collect(Collectors.groupingBy(it -> it, Collectors.counting()));
        assertEquals(
                expected,
                found.stream().collect(Collectors.groupingBy(it -> it, Collectors.counting())));
        assertEquals(found.stream().map(Point::loss).sorted().toList(), losses(found));
    }

    private static List<Integer> losses(List<Point> points) {
        return points.stream().map(Point::loss).toList();
    }

    private static boolean beats(Point one, Point other) {
        boolean noWorse = one.loss <= other.loss && one.cost <= other.cost;
        return noWorse && (one.loss < other.loss || one.cost < other.cost);
    }

    @Test
    void eachCostHasItsOwn() {
        Comparison comparison =
                Comparison.of(
                        "model",
                        cell("dense", "", Optional.empty(), 30, 200, 100, 0),
                        List.of(
                                cell("dense", "", Optional.of("int8"), 31, 100, 180, 1),
                                cell("dense", "", Optional.of("int4"), 40, 60, 300, 1),
                                cell("wanda", "0.5", Optional.of("int8"), 60, 70, 200, 20),
                                cell("admm", "0.5", Optional.of("int8"), 50, 70, 200, 50),
                                cell("slow", "0.5", Optional.of("int8"), 55, 70, 190, 60),
                                cell("admm", "2:4", Optional.of("int4"), 90, 40, 280, 50)));
        assertEquals(
                Map.of(
                        Cost.SIZE,
                        List.of("dense int8", "dense int4", "admm 2:4 int4"),
                        Cost.DECODE,
                        List.of("dense int8", "dense int4"),
                        Cost.TIME,
                        List.of("admm 50 % int8", "wanda 50 % int8")),
                comparison.frontiers().stream()
                        .collect(Collectors.toMap(Frontier::cost, Frontier::cells)));
        Map<Cost, String> sentences =
                comparison.frontiers().stream()
                        .collect(Collectors.toMap(Frontier::cost, Frontier::sentence));
        assertEquals(
                "Nothing is both better and faster than: dense int8 (180 tokens/s, 31.00), dense int4 (300 tokens/s, 40.00). No pruned model is among them.",
                sentences.get(Cost.DECODE));
        assertTrue(
                sentences.get(Cost.SIZE).endsWith("admm 2:4 int4 (40 MB, 90.00)."),
                sentences::toString);
        assertEquals(
                "Of the same zeros in int8, nothing is both better and sooner made than: at 50 % admm (50 s, 50.00), wanda (20 s, 60.00).",
                sentences.get(Cost.TIME));
    }

    @Test
    void whatWasNotMeasuredHasNone() {
        Cell dense = cell("dense", "", Optional.empty(), 30, 200, 0, 0);
        Cell pruned = cell("wanda", "0.5", Optional.empty(), 60, 200, 0, 20);
        assertEquals(List.of(), Comparison.of("model", dense, List.of(pruned)).frontiers());
        Set<String> names = Set.of(pruned.name(), dense.name());
        assertEquals(Set.of("wanda 50 %", "dense"), names);
    }

    /// A panel for each cost, a mark for each cell in each, and the names of what nothing beats.
    @Test
    void thePictureIsXmlWithEveryCell() throws Exception {
        Comparison comparison =
                Comparison.of(
                        "model",
                        cell("dense", "", Optional.empty(), 30, 200, 100, 0),
                        List.of(
                                cell("dense", "", Optional.of("bf16"), 30, 200, 100, 1),
                                cell("dense", "", Optional.of("int8"), 31, 100, 180, 1),
                                cell("admm", "0.3", Optional.of("int8"), 45, 85, 190, 50),
                                cell("admm", "0.5", Optional.of("int8"), 50, 70, 200, 50),
                                cell("admm", "2:4", Optional.of("int8"), 90, 70, 210, 50)));
        String picture = FrontierPicture.of("Variants of <a & b>", comparison);
        Document document =
                DocumentBuilderFactory.newInstance()
                        .newDocumentBuilder()
                        .parse(new ByteArrayInputStream(picture.getBytes(UTF_8)));
        assertEquals(
                "Variants of <a & b>",
                document.getElementsByTagName("title").item(0).getTextContent());
        assertEquals(2 * 3, marks(document, "m0 full", "m0 paper"), picture);
        assertEquals(2 * 2, marks(document, "dense full"), picture);
        List<String> texts = texts(document, "text");
        for (String name :
                List.of("dense bf16", "dense int8", "admm 30 % int8", "admm 50 % int8")) {
            assertEquals(2, texts.stream().filter(name::equals).count(), name);
        }
        assertTrue(
                texts.containsAll(List.of("Quality against size", "Quality against decode speed")));
    }

    private static long marks(Document document, String... classes) {
        return Stream.of("circle", "path")
                .flatMap(tag -> nodes(document, tag))
                .filter(node -> List.of(classes).contains(node.getAttribute("class")))
                .count();
    }

    private static List<String> texts(Document document, String tag) {
        return nodes(document, tag).map(Element::getTextContent).toList();
    }

    private static Stream<Element> nodes(Document document, String tag) {
        NodeList nodes = document.getElementsByTagName(tag);
        return IntStream.range(0, nodes.getLength()).mapToObj(i -> (Element) nodes.item(i));
    }

    private static Cell cell(
            String method,
            String pattern,
            Optional<String> values,
            double perplexity,
            int megabytes,
            double decode,
            double seconds) {
        return new Cell(
                Cell.name(method, pattern, values),
                method,
                pattern,
                pattern.isEmpty() ? 0 : 0.5,
                values,
                perplexity,
                Optional.empty(),
                Map.of(),
                seconds,
                OptionalLong.empty(),
                megabytes * 1_000_000L,
                OptionalLong.empty(),
                decode == 0 ? Optional.empty() : Optional.of(new Cell.Speed(1000, 0, decode, 0)));
    }
}
