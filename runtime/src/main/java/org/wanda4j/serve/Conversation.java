package org.wanda4j.serve;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.text.ChatTemplate.Ending;
import org.wanda4j.text.ChatTemplate.Message;
import tools.jackson.databind.JsonNode;

/// The fields of `/v1/chat/completions` that the prompt's text depends on.
///
/// @param variables of the template beside the messages
record Conversation(List<Message> messages, Ending ending, Map<String, Object> variables) {

    private static final String KWARGS = "chat_template_kwargs";
    private static final String GENERATION_PROMPT = "add_generation_prompt";
    private static final String TOOL_CALLS = "tool_calls";
    private static final String CONTINUE = "continue_final_message";

    /// Fields of a message that a template reads beside role and content.
    private static final List<String> OPTIONAL_FIELDS =
            List.of("name", "tool_call_id", "reasoning_content", "reasoning");

    /// Fields of a message that are not supported and would change the completion.
    private static final List<String> REFUSED =
            List.of("function_call", "audio", "prefix", "partial");

    /// Names that are fields of the request, or would replace the template.
    private static final Set<String> RESERVED =
            Set.of(
                    "messages",
                    "tools",
                    "documents",
                    GENERATION_PROMPT,
                    CONTINUE,
                    "chat_template",
                    "tokenize");

    static Conversation of(RequestFields fields) {
        List<RequestFields> messages =
                fields.objects("messages")
                        .orElseThrow(() -> fields.invalid("messages", "must be a list"));
        if (messages.isEmpty()) {
            throw fields.invalid("messages", "is empty");
        }
        return new Conversation(
                messages.stream().map(Conversation::message).toList(),
                ending(fields),
                fields.object(KWARGS).map(Conversation::variables).orElse(Map.of()));
    }

    private static Ending ending(RequestFields fields) {
        boolean open = fields.isTrue(CONTINUE);
        boolean prompt = fields.bool(GENERATION_PROMPT).orElse(!open);
        if (open && prompt) {
            throw fields.invalid(CONTINUE, "cannot be with " + GENERATION_PROMPT);
        }
        return open ? Ending.OPEN : prompt ? Ending.ANSWER : Ending.CLOSED;
    }

    private static Map<String, Object> variables(RequestFields kwargs) {
        Map<String, Object> values = kwargs.values();
        values.keySet().stream()
                .filter(RESERVED::contains)
                .findFirst()
                .ifPresent(name -> {
                    throw kwargs.invalid(
                            name, "is not for the template: a field of the request is");
                });
        return values;
    }

    private static Message message(RequestFields message) {
        String role = message.string("role").orElse("");
        for (String name : REFUSED) {
            if (message.find(name).filter(value -> !isEmptyOrFalse(value)).isPresent()) {
                throw message.invalid(name, "is not supported here");
            }
        }
        Map<String, Object> others = new LinkedHashMap<>();
        OPTIONAL_FIELDS.forEach(
                name -> message.string(name).ifPresent(text -> others.put(name, text)));
        List<Map<String, Object>> calls = toolCalls(message);
        if (!calls.isEmpty()) {
            others.put(TOOL_CALLS, calls);
        }
        return new Message(
                switch (role) {
                    case "system", "user", "assistant", "tool" -> role;
                    case "developer" -> "system";
                    default ->
                            throw message.invalid(
                                    "role", "must be system, developer, user, assistant or tool");
                },
                calls.isEmpty() || message.find("content").isPresent() ? content(message) : "",
                others);
    }

    /// Calls of an assistant's message, as templates take them: their arguments as an object, where clients send its JSON.
    private static List<Map<String, Object>> toolCalls(RequestFields message) {
        return message.objects(TOOL_CALLS).orElse(List.of()).stream()
                .map(call -> {
                    RequestFields function =
                            call.object("function")
                                    .orElseThrow(() -> call.invalid("function", "is missing"));
                    Map<String, Object> named = new LinkedHashMap<>();
                    named.put(
                            "name",
                            function.string("name")
                                    .orElseThrow(() -> function.invalid("name", "is missing")));
                    named.put("arguments", arguments(function));
                    Map<String, Object> values = new LinkedHashMap<>();
                    call.string("id").ifPresent(id -> values.put("id", id));
                    values.put("type", "function");
                    values.put("function", named);
                    return values;
                })
                .toList();
    }

    private static Map<String, Object> arguments(RequestFields function) {
        String json = function.string("arguments").filter(it -> !it.isBlank()).orElse("{}");
        try {
            return new RequestFields(
                            Json.parse(json.getBytes(StandardCharsets.UTF_8), "arguments"),
                            function.path() + "arguments.")
                    .values();
        } catch (InvalidInputException e) {
            throw function.invalid("arguments", "must be the JSON of an object");
        }
    }

    private static boolean isEmptyOrFalse(JsonNode value) {
        return value.isContainer() ? value.isEmpty() : value.isBoolean() && !value.asBoolean();
    }

    private static String content(RequestFields message) {
        return message.find("content").flatMap(Message::text).orElseThrow(() -> notText(message));
    }

    private static ApiException notText(RequestFields message) {
        return message.invalid("content", "must be a text, or parts of text");
    }

    /// Whether the completion continues the last message.
    boolean continuesLastMessage() {
        return ending == Ending.OPEN;
    }

    /// The prompt's text.
    ///
    /// @throws ApiException when the template raises an error
    String render(ChatTemplate template, List<Map<String, Object>> tools) {
        try {
            return template.render(messages, tools, ending, variables);
        } catch (InvalidInputException e) {
            throw ApiException.ofField(
                    "messages",
                    "the model's chat template refuses this conversation: "
                            + Optional.ofNullable(e.getCause()).orElse(e).getMessage());
        }
    }
}
