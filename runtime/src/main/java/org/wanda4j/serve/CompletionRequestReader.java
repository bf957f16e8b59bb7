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

/// Reads and checks the JSON of requests. A [RefusedField], and a value that cannot be honoured, is refused; a field that no known
/// server has is ignored.
final class CompletionRequestReader {

    private static final int DEFAULT_MAX_TOKENS = 16; // as OpenAI's
    private static final int MOST_ALTERNATIVES = 20;
    private static final int MOST_STOPS = 16;
    private static final int LONGEST_STOP = 1000;
    private static final double MOST_TEMPERATURE = 100;
    private static final double MOST_PENALTY = 100;

    private final LanguageModel model;
    private final Optional<ChatTemplate> template;
    private final String name;
    private final int longestAnswer;

    /// @param name of the model
    /// @param longestAnswer most tokens of a completion
    CompletionRequestReader(
            LanguageModel model, Optional<ChatTemplate> template, String name, int longestAnswer) {
        this.model = model;
        this.template = template;
        this.name = name;
        this.longestAnswer = longestAnswer;
    }

    /// Reads a body of `/v1/chat/completions`.
    ///
    /// @throws ApiException when it is invalid
    CompletionRequest chat(byte[] body) {
        RequestFields fields = read(body);
        ChatTemplate chat = template.orElseThrow(CompletionRequestReader::noTemplate);
        Conversation conversation = Conversation.of(fields);
        String text = conversation.render(chat);
        int[] prompt = checkNotEmpty("messages", encode(fields, "messages", text, false));
        OptionalInt tokens = tokens(fields, "max_completion_tokens", prompt);
        OptionalInt older = tokens(fields, "max_tokens", prompt);
        Optional<Integer> alternatives = fields.integer("top_logprobs", 0, MOST_ALTERNATIVES);
        if (alternatives.orElse(0) > 0 && !fields.isTrue("logprobs")) {
            throw fields.invalid("top_logprobs", "needs logprobs to be true");
        }
        return request(
                new ChatResponseWriter(name, conversation.continuesLastMessage()),
                prompt,
                sampling(fields, tokens.orElse(older.orElse(longestAnswer(prompt)))),
                fields.isTrue("logprobs")
                        ? OptionalInt.of(alternatives.orElse(0))
                        : OptionalInt.empty(),
                fields);
    }

    private static ApiException noTemplate() {
        return ApiException.invalid(400, "this model has no chat template; use /v1/completions");
    }

    /// Reads a body of `/v1/completions`.
    ///
    /// @throws ApiException when it is invalid
    CompletionRequest completion(byte[] body) {
        RequestFields fields = read(body);
        int[] prompt = checkNotEmpty("prompt", prompt(fields));
        int tokens =
                tokens(fields, "max_tokens", prompt)
                        .orElse(Math.min(DEFAULT_MAX_TOKENS, longestAnswer(prompt)));
        Optional<Integer> alternatives = fields.integer("logprobs", 0, MOST_ALTERNATIVES);
        return request(
                new TextResponseWriter(name),
                prompt,
                sampling(fields, tokens),
                alternatives.isPresent() ? OptionalInt.of(alternatives.get()) : OptionalInt.empty(),
                fields);
    }

    private OptionalInt tokens(RequestFields fields, String name, int[] prompt) {
        return fields.limit(name, 1, longestAnswer, longestAnswer(prompt));
    }

    private static CompletionRequest request(
            ResponseWriter writer,
            int[] prompt,
            Sampling sampling,
            OptionalInt alternatives,
            RequestFields fields) {
        boolean usage =
                fields.object("stream_options")
                        .map(CompletionRequestReader::includeUsage)
                        .orElse(false);
        return new CompletionRequest(
                writer, prompt, sampling, alternatives, fields.isTrue("stream"), usage);
    }

    private static boolean includeUsage(RequestFields options) {
        if (options.isTrue("continuous_usage_stats")) {
            throw options.invalid(
                    "continuous_usage_stats", "is not supported here; include_usage is");
        }
        return options.isTrue("include_usage");
    }

    private RequestFields read(byte[] body) {
        RequestFields fields;
        try {
            fields = new RequestFields(Json.parse(body, "the body"));
        } catch (InvalidInputException e) {
            throw ApiException.invalid(400, e.getMessage());
        }
        checkModel(fields.string("model").orElse(name));
        RefusedField.check(fields);
        checkModalities(fields);
        return fields;
    }

    private static void checkModalities(RequestFields fields) {
        fields.object("response_format")
                .ifPresent(format -> {
                    if (!format.string("type").orElse("").equals("text")) {
                        throw format.invalid("type", "must be text: no other is supported here");
                    }
                });
        fields.find("modalities")
                .ifPresent(modes -> {
                    if (!modes.isArray()
                            || !RequestFields.all(
                                    modes, mode -> mode.asString("").equals("text"))) {
                        throw fields.invalid("modalities", "must be a list of text alone");
                    }
                });
    }

    /// @throws ApiException with status 404 where `asked` is not the name of the served model
    void checkModel(String asked) {
        if (!asked.equals(name)) {
            throw ApiException.invalid(
                    404,
                    "model_not_found",
                    "there is no model %s here, only %s".formatted(asked, name));
        }
    }

    private Sampling sampling(RequestFields fields, int tokens) {
        Optional<Long> seed = fields.longInteger("seed");
        return new Sampling(
                tokens,
                fields.number("temperature", 1, 0, MOST_TEMPERATURE),
                fields.limit("top_k", 0, Integer.MAX_VALUE, 0).orElse(0),
                fields.positive("top_p", 1, 1),
                fields.number("min_p", 0, 0, 1),
                fields.positive("repetition_penalty", 1, MOST_PENALTY),
                seed.isPresent() ? OptionalLong.of(seed.get()) : OptionalLong.empty(),
                stops(fields));
    }

    private static List<String> stops(RequestFields fields) {
        List<String> stops = new ArrayList<>();
        fields.find("stop")
                .ifPresent(value -> {
                    for (JsonNode stop : value.isArray() ? value : List.of(value)) {
                        if (!isStop(stop) || stops.size() == MOST_STOPS) {
                            throw fields.invalid(
                                    "stop",
                                    "must be a text or a list of them: at most %d, of 1 to %,d characters"
                                            .formatted(MOST_STOPS, LONGEST_STOP));
                        }
                        stops.add(stop.asString());
                    }
                });
        return stops;
    }

    private static boolean isStop(JsonNode stop) {
        return stop.isString()
                && !stop.asString().isEmpty()
                && stop.asString().length() <= LONGEST_STOP;
    }

    private int[] prompt(RequestFields fields) {
        JsonNode prompt =
                fields.find("prompt").orElseThrow(() -> fields.invalid("prompt", "is missing"));
        if (isList(prompt, JsonNode::isIntegralNumber)) {
            return IntStream.range(0, prompt.size())
                    .map(i -> token(fields, prompt.get(i)))
                    .toArray();
        }
        JsonNode text =
                isList(prompt, JsonNode::isString) && prompt.size() == 1 ? prompt.get(0) : prompt;
        if (!text.isString()) {
            throw fields.invalid(
                    "prompt", "must be one text, or the tokens of one, as a list of numbers");
        }
        return encode(fields, "prompt", text.asString(), true);
    }

    private static boolean isList(JsonNode value, Predicate<JsonNode> of) {
        return value.isArray() && !value.isEmpty() && RequestFields.all(value, of);
    }

    private int token(RequestFields fields, JsonNode id) {
        if (!id.canConvertToInt() || id.asInt() < 0 || id.asInt() >= model.vocabulary()) {
            throw fields.invalid(
                    "prompt",
                    "has %s, which is no token; they lie in [0, %,d)"
                            .formatted(id, model.vocabulary()));
        }
        return id.asInt();
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

    /// Most tokens of a completion whose request does not say.
    private int longestAnswer(int[] prompt) {
        return Math.clamp(model.context() - prompt.length, 1, longestAnswer);
    }
}
