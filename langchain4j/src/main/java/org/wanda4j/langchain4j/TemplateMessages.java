package org.wanda4j.langchain4j;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.text.ChatTemplate.Message;

/// Messages as chat templates take them.
final class TemplateMessages {

    private TemplateMessages() {}

    /// @throws UnsupportedFeatureException where a message is something else than text
    static List<Message> of(List<ChatMessage> messages) {
        return messages.stream().map(TemplateMessages::message).toList();
    }

    private static Message message(ChatMessage message) {
        return switch (message) {
            case SystemMessage system -> new Message("system", system.text());
            case UserMessage user -> user(user);
            case AiMessage answer -> answer(answer);
            case ToolExecutionResultMessage result -> result(result);
            default ->
                    throw new UnsupportedFeatureException(
                            "a message of the type " + message.type() + " is not supported");
        };
    }

    private static Message user(UserMessage user) {
        var text = new StringBuilder();
        for (Content content : user.contents()) {
            if (!(content instanceof TextContent part)) {
                throw new UnsupportedFeatureException(
                        "the model reads text, not " + content.type());
            }
            text.append(part.text());
        }
        Map<String, Object> others = new LinkedHashMap<>();
        Optional.ofNullable(user.name()).ifPresent(name -> others.put("name", name));
        return new Message("user", text.toString(), others);
    }

    private static Message answer(AiMessage answer) {
        List<Map<String, Object>> calls =
                answer.toolExecutionRequests().stream()
                        .map(call ->
                                Map.<String, Object>of(
                                        "type",
                                        "function",
                                        "function",
                                        Map.of(
                                                "name",
                                                call.name(),
                                                "arguments",
                                                arguments(call.arguments()))))
                        .toList();
        return new Message(
                "assistant",
                Optional.ofNullable(answer.text()).orElse(""),
                calls.isEmpty() ? Map.of() : Map.of("tool_calls", calls));
    }

    private static Map<String, Object> arguments(String json) {
        String text = json == null || json.isBlank() ? "{}" : json;
        return Json.values(Json.parse(text.getBytes(StandardCharsets.UTF_8), "the arguments"));
    }

    private static Message result(ToolExecutionResultMessage result) {
        Map<String, Object> others = new LinkedHashMap<>();
        Optional.ofNullable(result.id()).ifPresent(id -> others.put("tool_call_id", id));
        Optional.ofNullable(result.toolName()).ifPresent(name -> others.put("name", name));
        return new Message("tool", result.text(), others);
    }
}
