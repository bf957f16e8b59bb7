package org.wanda4j.serve;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.text.ChatTemplate;
import tools.jackson.databind.JsonNode;

/// Reads the tokens of prompts: of texts, of conversations, and as they are given.
///
/// @param template of conversations
record PromptReader(LanguageModel model, Optional<ChatTemplate> template) {

    /// Response of `/tokenize`.
    record Tokens(int[] tokens, int count, @JsonProperty("max_model_len") int context) {}

    /// Response of `/detokenize`: the text under vLLM's name and under llama.cpp's.
    record TextOf(String prompt, String content) {}

    /// The tokens of a conversation.
    ///
    /// @throws ApiException when there is no template, or it refuses the conversation
    int[] conversation(RequestFields fields, Conversation conversation, Optional<Tools> tools) {
        ChatTemplate chat = template.orElseThrow(PromptReader::noTemplate);
        String text = conversation.render(chat, tools.map(Tools::described).orElse(List.of()));
        return checkNotEmpty("messages", encode(fields, "messages", text, false));
    }

    private static ApiException noTemplate() {
        return ApiException.invalid(400, "this model has no chat template; use /v1/completions");
    }

    /// The tokens of `prompt`: a text, the tokens of one, or a list of either.
    ///
    /// @throws ApiException when it is something else, or one of them is empty
    List<int[]> texts(RequestFields fields) {
        JsonNode prompt =
                fields.find("prompt").orElseThrow(() -> fields.invalid("prompt", "is missing"));
        if (prompt.isString() || isList(prompt, JsonNode::isIntegralNumber)) {
            return List.of(prompt(fields, prompt));
        }
        if (isList(prompt, JsonNode::isString)
                || isList(prompt, each -> isList(each, JsonNode::isIntegralNumber))) {
            return prompt.valueStream().map(each -> prompt(fields, each)).toList();
        }
        throw fields.invalid(
                "prompt",
                "must be a text, the tokens of one as a list of numbers, or a list of either");
    }

    private int[] prompt(RequestFields fields, JsonNode prompt) {
        return checkNotEmpty(
                "prompt",
                prompt.isString()
                        ? encode(fields, "prompt", prompt.asString(), true)
                        : tokens(fields, "prompt", prompt));
    }

    private int[] tokens(RequestFields fields, String name, JsonNode ids) {
        return ids.valueStream().mapToInt(id -> token(fields, name, id)).toArray();
    }

    private static boolean isList(JsonNode value, Predicate<JsonNode> of) {
        return value.isArray() && !value.isEmpty() && RequestFields.all(value, of);
    }

    private int token(RequestFields fields, String name, JsonNode id) {
        if (!id.canConvertToInt() || id.asInt() < 0 || id.asInt() >= model.vocabulary()) {
            throw fields.invalid(
                    name,
                    "has %s, which is no token; they lie in [0, %,d)"
                            .formatted(id, model.vocabulary()));
        }
        return id.asInt();
    }

    /// The tokens of a body of `/tokenize`: a text, as `prompt` (vLLM's name) or `content` (llama.cpp's), or a conversation.
    ///
    /// @throws ApiException when it is invalid
    Tokens tokenize(RequestFields fields) {
        int[] tokens;
        if (fields.find("messages").isPresent()) {
            Optional<Tools> tools = template.flatMap(it -> Tools.of(fields, it));
            tokens = conversation(fields, Conversation.of(fields), tools);
        } else if (fields.string("content").isPresent()) {
            String text = fields.string("content").get();
            tokens = encode(fields, "content", text, fields.isTrue("add_special"));
        } else {
            String text =
                    fields.string("prompt")
                            .orElseThrow(() ->
                                    fields.invalid("prompt", "is missing, and messages are too"));
            tokens = encode(fields, "prompt", text, true);
        }
        return new Tokens(tokens, tokens.length, model.context());
    }

    /// The text of a body of `/detokenize`.
    ///
    /// @throws ApiException when it is invalid
    TextOf detokenize(RequestFields fields) {
        JsonNode ids =
                fields.find("tokens")
                        .filter(it ->
                                it.isArray() && RequestFields.all(it, JsonNode::isIntegralNumber))
                        .orElseThrow(() -> fields.invalid("tokens", "must be a list of numbers"));
        String text = model.text(tokens(fields, "tokens", ids));
        return new TextOf(text, text);
    }

    /// @param special whether the tokenizer adds its special tokens, where the request does not say
    private int[] encode(RequestFields fields, String name, String text, boolean special) {
        try {
            return fields.bool("add_special_tokens").orElse(special)
                    ? model.tokens(text)
                    : model.tokensAsWritten(text);
        } catch (InvalidInputException e) {
            boolean byText = e.getCause() == null;
            String reason = byText ? e.getMessage() : "the model's tokenizer cannot take it";
            throw fields.invalid(name, "cannot be used: " + reason);
        }
    }

    private static int[] checkNotEmpty(String field, int[] prompt) {
        if (prompt.length == 0) {
            throw ApiException.ofField(field, "the prompt is empty");
        }
        return prompt;
    }
}
