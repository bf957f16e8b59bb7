package org.wanda4j.serve;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;
import org.wanda4j.text.ChatTemplate;
import tools.jackson.databind.JsonNode;

/// Reads what a caller sent. Everything in it is checked; what this server does not do is refused where it would change
/// the answer, and ignored otherwise.
final class CallReader {

    private static final int TOKENS_OF_COMPLETION = 16; // as OpenAI's
    private static final int MOST_ALTERNATIVES = 20;
    private static final int MOST_STOPS = 16;
    private static final int LONGEST_STOP = 1000;
    private static final double HOTTEST = 100;
    private static final double HARDEST_PENALTY = 100;

    private final LanguageModel model;
    private final Optional<ChatTemplate> template;
    private final String name;
    private final int longestAnswer;

    /// @param name of the model
    /// @param longestAnswer tokens that a caller may ask for
    CallReader(
            LanguageModel model, Optional<ChatTemplate> template, String name, int longestAnswer) {
        this.model = model;
        this.template = template;
        this.name = name;
        this.longestAnswer = longestAnswer;
    }

    /// A body of `/v1/chat/completions`.
    Ask chat(byte[] body) {
        Fields fields = read(body);
        refuseOfChat(fields);
        String written = write(messages(fields));
        Optional<Integer> tokens =
                fields.whole("max_completion_tokens", 1, longestAnswer)
                        .or(() -> fields.whole("max_tokens", 1, longestAnswer));
        Optional<Integer> alternatives = fields.whole("top_logprobs", 0, MOST_ALTERNATIVES);
        if (alternatives.isPresent() && !fields.flag("logprobs")) {
            throw ApiError.ofField("top_logprobs", "top_logprobs needs logprobs to be true");
        }
        int[] prompt = checkNotEmpty(encode("messages", () -> model.tokensAsWritten(written)));
        return ask(
                new ChatReply(name, false),
                prompt,
                sampling(fields, tokens.orElseGet(() -> longestAnswer(prompt))),
                fields.flag("logprobs")
                        ? OptionalInt.of(alternatives.orElse(0))
                        : OptionalInt.empty(),
                fields);
    }

    /// A body of `/v1/completions`.
    Ask completion(byte[] body) {
        Fields fields = read(body);
        refuseOfCompletion(fields);
        int[] prompt = checkNotEmpty(prompt(fields));
        int tokens =
                fields.whole("max_tokens", 1, longestAnswer)
                        .orElseGet(() -> Math.min(TOKENS_OF_COMPLETION, longestAnswer(prompt)));
        Optional<Integer> alternatives = fields.whole("logprobs", 0, MOST_ALTERNATIVES);
        return ask(
                new TextReply(name),
                prompt,
                sampling(fields, tokens),
                alternatives.isPresent() ? OptionalInt.of(alternatives.get()) : OptionalInt.empty(),
                fields);
    }

    private static Ask ask(
            Reply reply, int[] prompt, Sampling sampling, OptionalInt alternatives, Fields fields) {
        boolean usage =
                fields.find("stream_options")
                        .map(options -> new Fields(options).flag("include_usage"))
                        .orElse(false);
        return new Ask(reply, prompt, sampling, alternatives, fields.flag("stream"), usage);
    }

    private Fields read(byte[] body) {
        Fields fields;
        try {
            fields = new Fields(Json.parse(body, "the body"));
        } catch (InvalidInputException e) {
            throw ApiError.invalid(400, e.getMessage());
        }
        checkModel(fields.text("model").orElse(name));
        fields.refuse("n", value -> isNumber(value, 1), ": one answer to a request, n = 1");
        fields.refuse("frequency_penalty", value -> isNumber(value, 0), "; repetition_penalty is");
        fields.refuse("presence_penalty", value -> isNumber(value, 0), "; repetition_penalty is");
        fields.refuse("logit_bias", JsonNode::isEmpty, "");
        return fields;
    }

    /// Refuses any model but the one there is.
    void checkModel(String asked) {
        if (!asked.equals(name)) {
            throw ApiError.invalid(
                    404,
                    "model_not_found",
                    "there is no model %s here, only %s".formatted(asked, name));
        }
    }

    private static void refuseOfChat(Fields fields) {
        fields.refuse("tools", JsonNode::isEmpty, "");
        fields.refuse("functions", JsonNode::isEmpty, "");
        fields.refuse("audio", _ -> false, "");
        fields.refuse(
                "response_format",
                value -> value.path("type").asString("").equals("text"),
                ", but for the type text");
    }

    private static void refuseOfCompletion(Fields fields) {
        fields.refuse("best_of", value -> isNumber(value, 1), ": one answer to a request");
        fields.refuse("echo", value -> !value.asBoolean(true), "");
        fields.refuse("suffix", value -> value.isString() && value.asString().isEmpty(), "");
    }

    private static boolean isNumber(JsonNode value, double number) {
        return value.isNumber() && value.asDouble() == number;
    }

    private Sampling sampling(Fields fields, int tokens) {
        Optional<Long> seed = fields.wholeLong("seed");
        try {
            return new Sampling(
                    tokens,
                    fields.number("temperature", 1, 0, HOTTEST),
                    fields.whole("top_k", 0, Integer.MAX_VALUE).orElse(0),
                    fields.number("top_p", 1, 0, 1),
                    fields.number("min_p", 0, 0, 1),
                    fields.number("repetition_penalty", 1, 0, HARDEST_PENALTY),
                    seed.isPresent() ? OptionalLong.of(seed.get()) : OptionalLong.empty(),
                    stops(fields));
        } catch (InvalidInputException e) {
            throw ApiError.invalid(400, e.getMessage());
        }
    }

    private static List<String> stops(Fields fields) {
        List<String> stops = new ArrayList<>();
        fields.find("stop")
                .ifPresent(value -> {
                    for (JsonNode stop : value.isArray() ? value : List.of(value)) {
                        if (!stop.isString()
                                || stop.asString().length() > LONGEST_STOP
                                || stops.size() == MOST_STOPS) {
                            throw ApiError.ofField(
                                    "stop",
                                    "stop must be a text or a list of them: at most %d, of at most %,d characters"
                                            .formatted(MOST_STOPS, LONGEST_STOP));
                        }
                        stops.add(stop.asString());
                    }
                });
        return stops;
    }

    private int[] prompt(Fields fields) {
        JsonNode prompt =
                fields.find("prompt")
                        .orElseThrow(() -> ApiError.ofField("prompt", "prompt is missing"));
        if (isList(prompt, JsonNode::isIntegralNumber)) {
            return IntStream.range(0, prompt.size()).map(i -> token(prompt.get(i))).toArray();
        }
        JsonNode text =
                isList(prompt, JsonNode::isString) && prompt.size() == 1 ? prompt.get(0) : prompt;
        if (!text.isString()) {
            throw ApiError.ofField(
                    "prompt",
                    "prompt must be one text, or the tokens of one, as a list of numbers");
        }
        return encode("prompt", () -> model.tokens(text.asString()));
    }

    private static boolean isList(JsonNode value, Predicate<JsonNode> of) {
        return value.isArray() && !value.isEmpty() && value.valueStream().allMatch(of);
    }

    private int token(JsonNode id) {
        if (!id.canConvertToInt() || id.asInt() < 0 || id.asInt() >= model.vocabulary()) {
            throw ApiError.ofField(
                    "prompt",
                    "prompt: %s is no token; they lie in [0, %,d)"
                            .formatted(id, model.vocabulary()));
        }
        return id.asInt();
    }

    private interface Encoding {
        int[] encode();
    }

    private static int[] encode(String field, Encoding encoding) {
        try {
            return encoding.encode();
        } catch (InvalidInputException e) {
            boolean byText = e.getCause() == null;
            String reason = byText ? e.getMessage() : "the model's tokenizer cannot take it";
            throw ApiError.ofField(field, field + ": " + reason);
        }
    }

    private static int[] checkNotEmpty(int[] prompt) {
        if (prompt.length == 0) {
            throw ApiError.ofField("prompt", "the prompt is empty");
        }
        return prompt;
    }

    /// How long an answer may be of which the caller does not say.
    private int longestAnswer(int[] prompt) {
        return Math.clamp(model.context() - prompt.length, 1, longestAnswer);
    }

    private String write(List<ChatTemplate.Message> messages) {
        ChatTemplate chat =
                template.orElseThrow(() ->
                        ApiError.invalid(
                                400, "this model has no chat template; use /v1/completions"));
        try {
            return chat.render(messages, true);
        } catch (InvalidInputException e) {
            throw ApiError.ofField(
                    "messages",
                    "the model's chat template refuses this conversation: "
                            + Optional.ofNullable(e.getCause()).orElse(e).getMessage());
        }
    }

    private static List<ChatTemplate.Message> messages(Fields fields) {
        JsonNode messages =
                fields.find("messages")
                        .filter(JsonNode::isArray)
                        .orElseThrow(() -> ApiError.ofField("messages", "messages must be a list"));
        return messages.valueStream().map(CallReader::message).toList();
    }

    private static ChatTemplate.Message message(JsonNode node) {
        Fields message = new Fields(node);
        String role = message.text("role").orElse("");
        return new ChatTemplate.Message(
                switch (role) {
                    case "system", "user", "assistant" -> role;
                    case "developer" -> "system";
                    default ->
                            throw ApiError.ofField(
                                    "messages",
                                    "a message's role must be system, developer, user or assistant");
                },
                content(message));
    }

    private static String content(Fields message) {
        JsonNode content = message.find("content").orElseThrow(CallReader::noText);
        if (content.isString()) {
            return content.asString();
        }
        if (!content.isArray()) {
            throw noText();
        }
        var text = new StringBuilder();
        for (JsonNode part : content) {
            text.append(new Fields(part).text("text").orElseThrow(CallReader::noText));
        }
        return text.toString();
    }

    private static ApiError noText() {
        return ApiError.ofField("messages", "a message's content must be text, or parts of text");
    }
}
