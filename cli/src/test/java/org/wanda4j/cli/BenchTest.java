package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// `wanda bench` as a user calls it.
class BenchTest {

    private static final String MODEL = SharedFiles.tinyLlama().toString();

    @Test
    void streamsReadTheWeightsTogether() {
        Wanda wanda =
                Wanda.run(
                        "bench",
                        MODEL,
                        "--streams",
                        "3",
                        "--prompt-tokens",
                        "0",
                        "--tokens",
                        "4",
                        "--repeats",
                        "2",
                        "--json");
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        JsonNode result =
                Json.parse(wanda.out().getBytes(StandardCharsets.UTF_8), "bench").at("/results/0");
        double speed = result.get("decodeTokensPerSecond").asDouble();
        assertTrue(speed > 0, wanda.out());
        assertEquals(3, result.get("streams").asInt());
        assertEquals(0, result.get("prefillTokensPerSecond").asDouble());
        assertEquals(
                result.get("bytesPerToken").asLong() * speed / 3 / 1e9,
                result.get("gigabytesPerSecond").asDouble(),
                1e-9 * speed);
    }
}
