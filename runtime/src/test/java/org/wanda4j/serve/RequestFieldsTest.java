package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.wanda4j.checkpoint.Json;

class RequestFieldsTest {

    private static final RequestFields FIELDS =
            new RequestFields(
                    Json.parse(
                            "{\"none\":-1,\"some\":7,\"in\":{\"a\":1}}"
                                    .getBytes(StandardCharsets.UTF_8),
                            "the test"));

    @Test
    void minusOneIsNoLimit() {
        assertEquals(OptionalInt.of(400), FIELDS.limit("none", 1, 400, 400));
        assertEquals(OptionalInt.of(7), FIELDS.limit("some", 1, 400, 400));
        assertEquals(OptionalInt.empty(), FIELDS.limit("absent", 1, 400, 400));
    }

    @Test
    void aNumberThatNothingHoldsIsRefusedAsAnyOther() {
        RequestFields fields =
                new RequestFields(
                        Json.parse(
                                ("{\"temperature\":1" + "0".repeat(400) + "}")
                                        .getBytes(StandardCharsets.UTF_8),
                                "the test"));
        assertThrows(ApiException.class, () -> fields.number("temperature", 1, 0, 100));
        assertThrows(ApiException.class, () -> fields.positive("temperature", 1, 100));
    }

    @Test
    void aFieldIsNamedWithThoseItIsIn() {
        RequestFields in = FIELDS.object("in").orElseThrow();
        ApiException error = assertThrows(ApiException.class, () -> in.string("a"));
        assertEquals(Optional.of("in.a"), error.body().error().param());
        assertEquals("in.a must be a text", error.getMessage());
    }
}
