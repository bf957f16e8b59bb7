package org.wanda4j.grammar;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import org.wanda4j.Hostile;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.json.JsonMapper;

/// Schemas of any content: read, or refused in one line.
class SchemaFuzzTest {

    private static final JsonMapper JSON = new JsonMapper();

    /// @param bytes a request's schema
    @FuzzTest(maxDuration = "3m")
    void schema(byte[] bytes) {
        Hostile.isRead(() -> JsonGrammar.ofSchema(Json.parse(bytes, "schema")));
    }

    /// @param bytes a pattern
    @FuzzTest(maxDuration = "3m")
    void pattern(byte[] bytes) {
        String pattern = new String(bytes, StandardCharsets.UTF_8);
        Hostile.isRead(() ->
                JsonGrammar.ofSchema(
                        JSON.createObjectNode().put("type", "string").put("pattern", pattern)));
    }
}
