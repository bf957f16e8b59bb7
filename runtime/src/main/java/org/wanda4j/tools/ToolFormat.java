package org.wanda4j.tools;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.grammar.Grammar;
import org.wanda4j.grammar.ToolCallGrammar;
import org.wanda4j.text.ChatTemplate;
import tools.jackson.databind.JsonNode;

/// How a model writes calls of functions: as its chat template shows it.
///
/// @param open text before a call; empty where the answer as a whole is calls
/// @param close text behind it
/// @param list whether calls are the items of a list
/// @param arguments name of the arguments
/// @param marker token before calls that may be in the text
public record ToolFormat(String open, String close, boolean list, String arguments, String marker) {

    private static final String NAME = "name";
    private static final String ARGUMENTS = "arguments";
    private static final String PARAMETERS = "parameters";

    /// Hermes, Qwen, SmolLM3, Granite 4.
    public static final ToolFormat TAGS =
            new ToolFormat("<tool_call>", "</tool_call>", false, ARGUMENTS, "");

    /// Mistral 7B v0.3 and Nemo.
    public static final ToolFormat LIST = new ToolFormat("", "", true, ARGUMENTS, "[TOOL_CALLS]");

    /// Llama 3.1 to 3.3.
    public static final ToolFormat OBJECT =
            new ToolFormat("", "", false, PARAMETERS, "<|python_tag|>");

    /// The format that a template shows.
    ///
    /// @return empty where it does not know tools, or has another format
    public static Optional<ToolFormat> of(ChatTemplate template) {
        String source = template.source();
        if (!source.contains("tools")) {
            return Optional.empty();
        }
        if (source.contains(TAGS.open()) && !source.contains("<function=")) {
            return Optional.of(TAGS);
        }
        if (source.contains(LIST.marker()) && !source.contains("[ARGS]")) {
            return Optional.of(LIST);
        }
        return source.contains("\"" + PARAMETERS + "\"") ? Optional.of(OBJECT) : Optional.empty();
    }

    /// Whether the beginning of an answer shows if it is calls.
    public boolean isWholeAnswer() {
        return open.isEmpty();
    }

    /// The grammar of an answer.
    ///
    /// @param mustCall whether it has to be calls
    /// @param several whether there may be more than one
    /// @return empty where it may be any text
    /// @throws InvalidInputException when a schema is invalid or has a keyword that is not supported
    public Optional<Grammar> grammar(
            List<ToolCallGrammar.Function> functions, boolean mustCall, boolean several) {
        var form = new ToolCallGrammar.Form(open, close, list, arguments);
        if (mustCall) {
            return Optional.of(ToolCallGrammar.calls(form, functions, several));
        }
        return isWholeAnswer()
                ? Optional.empty()
                : Optional.of(ToolCallGrammar.textAndCalls(form, functions, several));
    }

    /// The calls that a text is, between [#open()] and [#close()] where those are not empty.
    ///
    /// @return empty where it is something else
    public Optional<List<ToolCall>> parse(String text) {
        String json = text.strip();
        if (!marker.isEmpty() && json.startsWith(marker)) {
            json = json.substring(marker.length()).strip();
        }
        try {
            JsonNode value = Json.parseValue(json.getBytes(StandardCharsets.UTF_8), "the call");
            List<ToolCall> calls = new ArrayList<>();
            for (JsonNode each : value.isArray() ? value : List.of(value)) {
                JsonNode given = each.path(each.has(PARAMETERS) ? PARAMETERS : ARGUMENTS);
                if (!each.path(NAME).isString() || !given.isObject()) {
                    return Optional.empty();
                }
                calls.add(new ToolCall(each.path(NAME).asString(), Json.writeLine(given)));
            }
            return calls.isEmpty() ? Optional.empty() : Optional.of(calls);
        } catch (InvalidInputException e) {
            return Optional.empty();
        }
    }
}
