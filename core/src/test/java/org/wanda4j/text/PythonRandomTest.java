package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// The expected numbers are Python's; `src/test/python/random_golden.py` wrote them.
class PythonRandomTest {

    static Stream<JsonNode> cases() {
        return Golden.read("python-random.json").valueStream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void drawsAndShufflesAsPythonDoes(JsonNode golden) {
        var random = new PythonRandom(golden.path("seed").longValue());
        for (JsonNode draw : golden.path("draws")) {
            assertEquals(draw.get(1).intValue(), random.below(draw.get(0).intValue()));
        }
        int[] order = IntStream.range(0, 20).toArray();
        random.shuffle(order);
        assertArrayEquals(Golden.ints(golden.path("order")), order);
    }

    @Test
    void needsARoomToDrawFrom() {
        assertThrows(IllegalArgumentException.class, () -> new PythonRandom(0).below(0));
    }
}
