package org.wanda4j.text;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.text.ChatTemplate.Message;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Makes documents of conversations: a model's chat template renders them.
///
/// Documents are encoded by [Tokenizer#encode(String)]. Where that begins a text with a token by itself, the template's own is left out.
final class ChatDocuments {

    /// What ShareGPT calls the roles.
    private static final Map<String, String> ROLES =
            Map.of(
                    "human", "user",
                    "gpt", "assistant",
                    "chatgpt", "assistant",
                    "bing", "assistant",
                    "bard", "assistant");

    private final ChatTemplate template;
    private final String begin;

    private ChatDocuments(ChatTemplate template, String begin) {
        this.template = template;
        this.begin = begin;
    }

    /// @throws InvalidInputException when the model in this directory has no chat template
    static ChatDocuments of(Path model) {
        ChatTemplate template =
                ChatTemplate.of(model)
                        .orElseThrow(() ->
                                new InvalidInputException(
                                        model
                                                + " has no chat template, which conversations are rendered by;"
                                                + " give text, or name the field that holds it with --text-field"));
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            int[] added = tokenizer.encode("");
            boolean begins = added.length > 0 && tokenizer.begin().orElse(-1) == added[0];
            return new ChatDocuments(
                    template, begins ? tokenizer.decode(new int[] {added[0]}) : "");
        }
    }

    /// The conversation as one document; an empty one is an empty document.
    ///
    /// @param messages a list of objects with `role`, `content` and what else the template uses, or with `from` and `value`
    String document(JsonNode messages, String place) {
        if (messages.isEmpty()) {
            return "";
        }
        List<Message> list = new ArrayList<>();
        for (JsonNode message : messages) {
            list.add(message(message, place));
        }
        try {
            String text = template.render(list, false);
            return text.startsWith(begin) ? text.substring(begin.length()) : text;
        } catch (InvalidInputException e) {
            throw new InvalidInputException(place + ": " + e.getMessage(), e);
        }
    }

    /// A message, or one as ShareGPT has it: `from` and `value`.
    private static Message message(JsonNode given, String place) {
        JsonNode message = given.path("from").isString() ? ofShareGpt(given) : given;
        if (!(message instanceof ObjectNode) || !message.path("role").isString()) {
            throw new InvalidInputException(
                    place
                            + ": a message needs to be an object with a \"role\" and a \"content\", or with \"from\" and \"value\"");
        }
        Map<String, Object> others = Json.values(message);
        others.keySet().removeAll(List.of("role", "content"));
        others.values().removeIf(Objects::isNull); // Columns of a table that this row leaves out.
        return new Message(
                message.path("role").stringValue(),
                content(message.path("content"), place),
                others);
    }

    private static JsonNode ofShareGpt(JsonNode message) {
        String from = message.path("from").stringValue();
        return JsonNodeFactory.instance
                .objectNode()
                .put("role", ROLES.getOrDefault(from, from))
                .set("content", message.path("value"));
    }

    private static String content(JsonNode content, String place) {
        if (content.isNull() || content.isMissingNode()) {
            return "";
        }
        return Message.text(content).orElseThrow(() -> noText(place));
    }

    private static InvalidInputException noText(String place) {
        return new InvalidInputException(
                place + ": the content of a message must be a text, or parts of text");
    }
}
