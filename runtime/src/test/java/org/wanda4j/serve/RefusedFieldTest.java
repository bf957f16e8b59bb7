package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.checkpoint.Json;

class RefusedFieldTest {

    /// No `double` holds it.
    private static final BigInteger HUGE = BigInteger.TEN.pow(400);

    static Stream<RefusedField> all() {
        return RefusedField.ALL.stream();
    }

    @ParameterizedTest
    @MethodSource("all")
    void isRefusedByItsNameUnlessItAsksForNothing(RefusedField field) {
        for (Object value : List.of(7, HUGE, "seven", List.of(7), Map.of("x", 7))) {
            ApiException error = assertThrows(ApiException.class, () -> check(field, value));
            assertEquals(400, error.status());
            assertEquals(Optional.of(field.name()), error.body().error().param());
        }
        assertDoesNotThrow(() -> check(field, List.of()));
        for (Object harmless : field.harmless()) {
            assertDoesNotThrow(() -> check(field, harmless));
        }
    }

    @Test
    void numbersAreTheSameWithAndWithoutAPoint() {
        RefusedField.check(
                fields("{\"best_of\": 1, \"presence_penalty\": 0, \"bad_words\": null}"));
        RefusedField.check(
                fields("{\"best_of\": 1.0, \"presence_penalty\": 0.0, \"suffix\": \"\"}"));
    }

    private static void check(RefusedField field, Object value) {
        RefusedField.check(fields(Json.writeLine(Map.of(field.name(), value))));
    }

    private static RequestFields fields(String json) {
        return new RequestFields(Json.parse(json.getBytes(StandardCharsets.UTF_8), "the test"));
    }
}
