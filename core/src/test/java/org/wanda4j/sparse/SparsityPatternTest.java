package org.wanda4j.sparse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.sparse.SparsityPattern.Unstructured;

class SparsityPatternTest {

    /// As a component of a record.
    record Holder(SparsityPattern pattern) {}

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            delimiter = ';',
            value = {"0.5; {'pattern':{'sparsity':0.5}}", "2:4; {'pattern':{'n':2,'m':4}}"})
    void jsonHasItsComponents(String text, String json) {
        SparsityPattern pattern =
                text.contains(":")
                        ? SparsityPattern.parseNofM(text)
                        : new Unstructured(Double.parseDouble(text));
        String expected = json.replace('\'', '"');
        assertEquals(expected, Json.writeLine(new Holder(pattern)));
        assertEquals(new Holder(pattern), Json.read(expected, Holder.class));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{'n':2}", "{'sparsity':1}", "{'n':4,'m':4}", "0.5"})
    void whatIsNoneInJsonIsRefused(String json) {
        assertThrows(
                RuntimeException.class,
                () -> Json.read(json.replace('\'', '"'), SparsityPattern.class));
    }
}
