package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class JsonTest {

    @TempDir private Path directory;

    private record Kept(String key, Inner inner) {}

    private record Inner(int number) {}

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\ufeff{\"a\": 1}",
                "{\"a\": 1,\r\n \"b\": NaN, \"c\": Infinity, \"d\": [-Infinity]}\r\n"
            })
    void readsWhatToolsWrite(String text) {
        assertEquals(1, parse(text).path("a").asInt());
    }

    @Test
    void aNumberThatIsNoneIsANumber() {
        assertTrue(Double.isNaN(parse("{\"a\": NaN}").path("a").asDouble()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {"a": tru}             | column 7: unexpected tru}
                    {"a": 1,}              | column 9: unexpected }
                    {'a': 1}               | column 2: unexpected 'a':
                    {"a": 1,~ "b" 2}       | line 2, column 6: unexpected 2}
                    {"a": 1                | it ends too early
                    {"a": [1,              | it ends too early
                    {"a": "x               | it ends too early
                    {"a": 1, "a": 2}       | the name "a" stands there twice
                    {"a": 1} {"b": 2}      | column 10: something follows the value
                    {"a": 1} // x          | unexpected //
                    {"a": "x<TAB>y"}       | column 9: unexpected control character 9; within a text it is written as \\u0009
                    {"a": 1.}              | column 9: unexpected }
                    None                   | column 1: unexpected None
                    <html><body>Not found  | is a web page, not the file itself
                    [1]                    | here: not a JSON object
                    ``                     | here: not a JSON object
                    """)
    void saysWhatIsWrongAndWhere(String text, String expected) {
        String given = text.replace('~', '\n').replace("<TAB>", "\t");
        assertFault(expected, given.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void whatIsNotUtf8OrTooDeepOrTooLongIsSaid() {
        assertFault("not UTF-8", new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'});
        assertFault("nested too deep", "[".repeat(100_000).getBytes(StandardCharsets.UTF_8));
        assertFault(
                "a name or number in it is too long",
                ("{\"a\":" + "1".repeat(5000) + "}").getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void ofADocumentOfOursTheEntryThatDoesNotFitIsNamed() throws IOException {
        Path file = directory.resolve("cell.json");
        Files.writeString(file, "{\"key\": \"a\", \"inner\": {\"number\": \"seven\"}}");
        String message =
                assertThrows(InvalidInputException.class, () -> Json.read(file, Kept.class))
                        .getMessage();
        assertEquals(
                file + ": not as this version of the program writes it, at inner.number", message);
    }

    private static JsonNode parse(String text) {
        return Json.parse(text.getBytes(StandardCharsets.UTF_8), "here");
    }

    private static void assertFault(String expected, byte[] text) {
        String message =
                assertThrows(InvalidInputException.class, () -> Json.parse(text, "here"))
                        .getMessage();
        assertTrue(message.contains(expected), message);
        for (String libraryWord : new String[] {"Feature", "REDACTED", "JsonToken", "CTRL-CHAR"}) {
            assertFalse(message.contains(libraryWord), message);
        }
    }
}
