package org.wanda4j.serve;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.grammar.Grammar;
import org.wanda4j.grammar.JsonGrammar;
import org.wanda4j.grammar.ToolCallGrammar;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.tools.ToolCallReader;
import org.wanda4j.tools.ToolFormat;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The functions that a request lets the model call.
///
/// @param format of the model's calls
/// @param described as the template is shown them
/// @param functions that may be called
/// @param mustCall whether the answer has to be a call
/// @param several whether it may be more than one
record Tools(
        ToolFormat format,
        List<Map<String, Object>> described,
        List<ToolCallGrammar.Function> functions,
        boolean mustCall,
        boolean several) {

    private static final String TOOLS = "tools";
    private static final String CHOICE = "tool_choice";
    private static final String FUNCTION = "function";
    private static final JsonNode ANY_OBJECT =
            JsonNodeFactory.instance.objectNode().put("type", "object");
    private static final Set<String> CHOICES = Set.of("none", "auto", "required");

    /// The tools of a request of `/v1/chat/completions`.
    ///
    /// @return empty where there are none, or `tool_choice` is `none`
    /// @throws ApiException when they are invalid, or the template has no form for them
    static Optional<Tools> of(RequestFields fields, ChatTemplate template) {
        List<RequestFields> tools = fields.objects(TOOLS).orElse(List.of());
        Optional<String> named = named(fields);
        String choice = named.isPresent() ? "required" : fields.string(CHOICE).orElse("auto");
        if (!CHOICES.contains(choice)) {
            throw fields.invalid(CHOICE, "must be none, auto, required or a function");
        }
        if (tools.isEmpty() && choice.equals("required")) {
            throw fields.invalid(CHOICE, "needs tools");
        }
        if (tools.isEmpty() || choice.equals("none")) {
            return Optional.empty();
        }
        ToolFormat format =
                ToolFormat.of(template)
                        .orElseThrow(() ->
                                fields.invalid(
                                        TOOLS,
                                        "are not supported by this model: its chat template has no form for calls that is known here"));
        List<ToolCallGrammar.Function> functions =
                tools.stream()
                        .map(Tools::function)
                        .filter(each -> named.isEmpty() || named.get().equals(each.name()))
                        .toList();
        if (functions.isEmpty()) {
            throw fields.invalid(CHOICE, "names a function that is not among the tools");
        }
        return Optional.of(
                new Tools(
                        format,
                        tools.stream().map(RequestFields::values).toList(),
                        functions,
                        choice.equals("required"),
                        fields.bool("parallel_tool_calls").orElse(true)));
    }

    private static Optional<String> named(RequestFields fields) {
        if (fields.find(CHOICE).filter(JsonNode::isObject).isEmpty()) {
            return Optional.empty();
        }
        RequestFields choice = fields.object(CHOICE).orElseThrow();
        return Optional.of(
                choice.object(FUNCTION)
                        .flatMap(function -> function.string("name"))
                        .orElseThrow(() -> choice.invalid(FUNCTION, "must have a name")));
    }

    private static ToolCallGrammar.Function function(RequestFields tool) {
        if (!tool.string("type").orElse("").equals(FUNCTION)) {
            throw tool.invalid("type", "must be function: no other is supported here");
        }
        RequestFields function =
                tool.object(FUNCTION).orElseThrow(() -> tool.invalid(FUNCTION, "is missing"));
        String name =
                function.string("name")
                        .filter(it -> !it.isEmpty())
                        .orElseThrow(() -> function.invalid("name", "is missing"));
        return new ToolCallGrammar.Function(name, parameters(function, function.isTrue("strict")));
    }

    /// The schema of a function's arguments. One with keywords that are not supported stands for any object, unless it is strict: the
    /// model has seen it all the same.
    private static JsonNode parameters(RequestFields function, boolean strict) {
        Optional<RequestFields> parameters = function.object("parameters");
        if (parameters.isEmpty() || parameters.get().object().isEmpty()) {
            return ANY_OBJECT;
        }
        JsonNode schema = parameters.get().object();
        try {
            JsonGrammar.ofSchema(schema);
            return schema;
        } catch (InvalidInputException e) {
            if (strict) {
                throw function.invalid("parameters", "cannot be used: " + e.getMessage());
            }
            return ANY_OBJECT;
        }
    }

    /// The grammar of the answer; empty where it may be any text.
    Optional<Grammar> grammar() {
        return format.grammar(functions, mustCall, several);
    }

    ToolCallReader reader() {
        return new ToolCallReader(format, several ? Integer.MAX_VALUE : 1);
    }
}
