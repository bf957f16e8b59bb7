package org.wanda4j.serve;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.text.ChatTemplate.Ending;
import org.wanda4j.text.ChatTemplate.Message;
import tools.jackson.databind.JsonNode;

/// The conversation that a caller sent, and how it is to be written: the fields of `/v1/chat/completions` that its text
/// depends on.
///
/// @param variables that the template sees beside it
record Conversation(List<Message> messages, Ending ending, Map<String, Object> variables) {

    private static final String KWARGS = "chat_template_kwargs";
    private static final String PROMPT = "add_generation_prompt";
    private static final String OPEN = "continue_final_message";

    /// What a template sees of a message beside its role and content.
    private static final List<String> OTHERS = List.of("name", "reasoning_content", "reasoning");

    /// What a message may not have, for the answer would be another one.
    private static final List<String> REFUSED =
            List.of("tool_calls", "function_call", "audio", "prefix", "partial");

    /// What the request itself says, or what would be another template.
    private static final Set<String> NO_VARIABLES =
            Set.of("messages", "tools", "documents", PROMPT, OPEN, "chat_template", "tokenize");

    static Conversation of(Fields fields) {
        List<Fields> messages =
                fields.objects("messages")
                        .orElseThrow(() -> fields.wrong("messages", "must be a list"));
        if (messages.isEmpty()) {
            throw fields.wrong("messages", "is empty");
        }
        return new Conversation(
                messages.stream().map(Conversation::message).toList(),
                ending(fields),
                fields.object(KWARGS).map(Conversation::variables).orElse(Map.of()));
    }

    private static Ending ending(Fields fields) {
        boolean open = fields.isSet(OPEN);
        boolean prompt = fields.flag(PROMPT).orElse(!open);
        if (open && prompt) {
            throw fields.wrong(OPEN, "cannot be with " + PROMPT);
        }
        return open ? Ending.OPEN : prompt ? Ending.ANSWER : Ending.CLOSED;
    }

    private static Map<String, Object> variables(Fields kwargs) {
        Map<String, Object> values = kwargs.values();
        values.keySet().stream()
                .filter(NO_VARIABLES::contains)
                .findFirst()
                .ifPresent(name -> {
                    throw kwargs.wrong(name, "is not for the template: a field of the request is");
                });
        return values;
    }

    private static Message message(Fields message) {
        String role = message.text("role").orElse("");
        for (String name : REFUSED) {
            if (message.find(name).filter(value -> !isNothing(value)).isPresent()) {
                throw message.wrong(name, "is not supported here");
            }
        }
        Map<String, Object> others = new LinkedHashMap<>();
        OTHERS.forEach(name -> message.text(name).ifPresent(text -> others.put(name, text)));
        return new Message(
                switch (role) {
                    case "system", "user", "assistant" -> role;
                    case "developer" -> "system";
                    default ->
                            throw message.wrong(
                                    "role", "must be system, developer, user or assistant");
                },
                content(message),
                others);
    }

    private static boolean isNothing(JsonNode value) {
        return value.isContainer() ? value.isEmpty() : value.isBoolean() && !value.asBoolean();
    }

    private static String content(Fields message) {
        JsonNode content = message.find("content").orElseThrow(() -> noText(message));
        if (content.isString()) {
            return content.asString();
        }
        if (!content.isArray()) {
            throw noText(message);
        }
        var text = new StringBuilder();
        for (JsonNode part : content) {
            text.append(new Fields(part).text("text").orElseThrow(() -> noText(message)));
        }
        return text.toString();
    }

    private static ApiError noText(Fields message) {
        return message.wrong("content", "must be a text, or parts of text");
    }

    /// Whether the answer goes on with its last message.
    boolean isOpen() {
        return ending == Ending.OPEN;
    }

    /// Its text.
    ///
    /// @throws ApiError when the template refuses it
    String write(ChatTemplate template) {
        try {
            return template.render(messages, ending, variables);
        } catch (InvalidInputException e) {
            throw ApiError.ofField(
                    "messages",
                    "the model's chat template refuses this conversation: "
                            + Optional.ofNullable(e.getCause()).orElse(e).getMessage());
        }
    }
}
