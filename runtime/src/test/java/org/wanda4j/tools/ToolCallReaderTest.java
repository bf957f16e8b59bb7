package org.wanda4j.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ToolCallReaderTest {

    private static final String F = "{\"name\":\"f\",\"arguments\":{\"a\":1}}";

    /// However the text is cut into pieces, what is read of it is the same.
    @ParameterizedTest
    @CsvSource(
            delimiter = '@',
            quoteCharacter = '`',
            textBlock =
                    """
                    TAGS @ Hello < you @ `Hello < you`
                    TAGS @ <tool_call>F</tool_call> @ f{"a":1}
                    TAGS @ Well, ~<tool_call>~F~</tool_call>~<tool_call>F</tool_call>~ @ `Well,f{"a":1}f{"a":1}`
                    TAGS @ <tool_call>oh</tool_call> @ <tool_call>oh</tool_call>
                    TAGS @ a <tool_call>{"na @ `a<tool_call>{"na`
                    TAGS @ a <tool_ca @ `a <tool_ca`
                    LIST @ [F] @ f{"a":1}
                    LIST @ [TOOL_CALLS] [F, F] @ f{"a":1}f{"a":1}
                    LIST @ [1] is a list @ `[1] is a list`
                    LIST @ Hello [F] @ Hello [F]
                    OBJECT @ ~{"name":"f","parameters":{"a":1}} @ f{"a":1}
                    OBJECT @ <|python_tag|>F @ f{"a":1}
                    OBJECT @ <b>no</b> @ <b>no</b>
                    OBJECT @ {"a":1} @ {"a":1}
                    """)
    void callsAreReadOutOfText(String format, String text, String expected) {
        String answer = text.replace("F", F).replace('~', '\n');
        for (int size = 1; size <= answer.length(); size++) {
            ToolCallReader reader = new ToolCallReader(format(format), 9);
            List<ToolCallReader.Part> parts = new ArrayList<>();
            for (int at = 0; at < answer.length(); at += size) {
                parts.addAll(
                        reader.append(answer.substring(at, Math.min(answer.length(), at + size))));
            }
            parts.addAll(reader.finish());
            assertEquals(expected.replace("[F]", "[" + F + "]"), written(parts), "in " + size);
        }
    }

    private static ToolFormat format(String name) {
        return switch (name) {
            case "TAGS" -> ToolFormat.TAGS;
            case "LIST" -> ToolFormat.LIST;
            default -> ToolFormat.OBJECT;
        };
    }

    private static String written(List<ToolCallReader.Part> parts) {
        var text = new StringBuilder();
        for (ToolCallReader.Part part : parts) {
            switch (part) {
                case ToolCallReader.Text piece -> text.append(piece.text());
                case ToolCallReader.Call call ->
                        text.append(call.call().name()).append(call.call().arguments());
            }
        }
        return text.toString();
    }
}
