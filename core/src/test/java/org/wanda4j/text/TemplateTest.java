package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.text.jinja.Template;
import org.wanda4j.text.jinja.TemplateException;
import tools.jackson.databind.JsonNode;

/// The expected texts are those of transformers; `src/test/python/jinja_golden.py` wrote them.
class TemplateTest {

    private static final Clock CLOCK =
            Clock.fixed(Instant.parse("2025-03-09T14:05:07Z"), ZoneOffset.UTC);
    private static final JsonNode GOLDEN = Golden.read("jinja.json");

    static Stream<JsonNode> cases() {
        return GOLDEN.path("cases").valueStream();
    }

    static Stream<String> refused() {
        return GOLDEN.path("refused").valueStream().map(JsonNode::asString);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aTemplateGivesWhatItGivesInTransformersOrFails(JsonNode golden) {
        String template = template(golden);
        JsonNode context =
                golden.has("file")
                        ? GOLDEN.path("conversations").path(golden.path("conversation").asInt())
                        : GOLDEN.path("context");
        if (golden.has("error")) {
            assertFails(template, context);
        } else {
            assertEquals(golden.path("text").asString(), render(template, context));
        }
    }

    @ParameterizedTest
    @MethodSource("refused")
    void whatIsNotThereFailsWhereItIsUsed(String template) {
        JsonNode context = GOLDEN.path("context");
        assertFails(template, context);
        assertEquals("ok", render("{% if false %}" + template + "{% endif %}ok", context));
    }

    private static String template(JsonNode golden) {
        return golden.has("file")
                ? Golden.text("jinja/" + golden.path("file").asString())
                : golden.path("template").asString();
    }

    private static void assertFails(String template, JsonNode context) {
        String message =
                assertThrows(TemplateException.class, () -> render(template, context), template)
                        .getMessage();
        assertFalse(message.contains("\n"), message);
    }

    @SuppressWarnings("unchecked") // the context is an object
    private static String render(String template, JsonNode context) {
        return Template.parse(template).render((Map<String, Object>) value(context), CLOCK);
    }

    private static Object value(JsonNode json) {
        if (json.isObject()) {
            Map<String, Object> map = new LinkedHashMap<>();
            json.forEachEntry((key, entry) -> map.put(key, value(entry)));
            return map;
        }
        if (json.isArray()) {
            List<Object> list = new ArrayList<>();
            json.forEach(item -> list.add(value(item)));
            return list;
        }
        return json.isString()
                ? json.asString()
                : json.isBoolean()
                        ? (Object) json.asBoolean()
                        : json.isNull()
                                ? null
                                : json.isIntegralNumber()
                                        ? (Object) json.asLong()
                                        : (Object) json.asDouble();
    }
}
