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

/// Reads what a caller sent. Everything in it is checked; a [RefusedField] and what has no meaning here is refused, a field
/// that nobody knows ignored.
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
        ChatTemplate chat = template.orElseThrow(CallReader::noTemplate);
        Conversation conversation = Conversation.of(fields);
        String written = conversation.write(chat);
        int[] prompt = checkNotEmpty("messages", encode(fields, "messages", written, false));
        OptionalInt tokens = tokens(fields, "max_completion_tokens", prompt);
        OptionalInt older = tokens(fields, "max_tokens", prompt);
        Optional<Integer> alternatives = fields.whole("top_logprobs", 0, MOST_ALTERNATIVES);
        if (alternatives.orElse(0) > 0 && !fields.isSet("logprobs")) {
            throw fields.wrong("top_logprobs", "needs logprobs to be true");
        }
        return ask(
                new ChatReply(name, conversation.isOpen()),
                prompt,
                sampling(fields, tokens.orElse(older.orElse(longestAnswer(prompt)))),
                fields.isSet("logprobs")
                        ? OptionalInt.of(alternatives.orElse(0))
                        : OptionalInt.empty(),
                fields);
    }

    private static ApiError noTemplate() {
        return ApiError.invalid(400, "this model has no chat template; use /v1/completions");
    }

    /// A body of `/v1/completions`.
    Ask completion(byte[] body) {
        Fields fields = read(body);
        int[] prompt = checkNotEmpty("prompt", prompt(fields));
        int tokens =
                tokens(fields, "max_tokens", prompt)
                        .orElse(Math.min(TOKENS_OF_COMPLETION, longestAnswer(prompt)));
        Optional<Integer> alternatives = fields.whole("logprobs", 0, MOST_ALTERNATIVES);
        return ask(
                new TextReply(name),
                prompt,
                sampling(fields, tokens),
                alternatives.isPresent() ? OptionalInt.of(alternatives.get()) : OptionalInt.empty(),
                fields);
    }

    private OptionalInt tokens(Fields fields, String name, int[] prompt) {
        return fields.limit(name, 1, longestAnswer, longestAnswer(prompt));
    }

    private static Ask ask(
            Reply reply, int[] prompt, Sampling sampling, OptionalInt alternatives, Fields fields) {
        boolean usage = fields.object("stream_options").map(CallReader::wantsUsage).orElse(false);
        return new Ask(reply, prompt, sampling, alternatives, fields.isSet("stream"), usage);
    }

    private static boolean wantsUsage(Fields options) {
        if (options.isSet("continuous_usage_stats")) {
            throw options.wrong(
                    "continuous_usage_stats", "is not supported here; include_usage is");
        }
        return options.isSet("include_usage");
    }

    private Fields read(byte[] body) {
        Fields fields;
        try {
            fields = new Fields(Json.parse(body, "the body"));
        } catch (InvalidInputException e) {
            throw ApiError.invalid(400, e.getMessage());
        }
        checkModel(fields.text("model").orElse(name));
        RefusedField.check(fields);
        checkForm(fields);
        return fields;
    }

    private static void checkForm(Fields fields) {
        fields.object("response_format")
                .ifPresent(format -> {
                    if (!format.text("type").orElse("").equals("text")) {
                        throw format.wrong("type", "must be text: no other is supported here");
                    }
                });
        fields.find("modalities")
                .ifPresent(modes -> {
                    if (!modes.isArray()
                            || !Fields.all(modes, mode -> mode.asString("").equals("text"))) {
                        throw fields.wrong("modalities", "must be a list of text alone");
                    }
                });
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

    private Sampling sampling(Fields fields, int tokens) {
        Optional<Long> seed = fields.wholeLong("seed");
        return new Sampling(
                tokens,
                fields.number("temperature", 1, 0, HOTTEST),
                fields.limit("top_k", 0, Integer.MAX_VALUE, 0).orElse(0),
                fields.positive("top_p", 1, 1),
                fields.number("min_p", 0, 0, 1),
                fields.positive("repetition_penalty", 1, HARDEST_PENALTY),
                seed.isPresent() ? OptionalLong.of(seed.get()) : OptionalLong.empty(),
                stops(fields));
    }

    private static List<String> stops(Fields fields) {
        List<String> stops = new ArrayList<>();
        fields.find("stop")
                .ifPresent(value -> {
                    for (JsonNode stop : value.isArray() ? value : List.of(value)) {
                        if (!isStop(stop) || stops.size() == MOST_STOPS) {
                            throw fields.wrong(
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

    private int[] prompt(Fields fields) {
        JsonNode prompt =
                fields.find("prompt").orElseThrow(() -> fields.wrong("prompt", "is missing"));
        if (isList(prompt, JsonNode::isIntegralNumber)) {
            return IntStream.range(0, prompt.size())
                    .map(i -> token(fields, prompt.get(i)))
                    .toArray();
        }
        JsonNode text =
                isList(prompt, JsonNode::isString) && prompt.size() == 1 ? prompt.get(0) : prompt;
        if (!text.isString()) {
            throw fields.wrong(
                    "prompt", "must be one text, or the tokens of one, as a list of numbers");
        }
        return encode(fields, "prompt", text.asString(), true);
    }

    private static boolean isList(JsonNode value, Predicate<JsonNode> of) {
        return value.isArray() && !value.isEmpty() && Fields.all(value, of);
    }

    private int token(Fields fields, JsonNode id) {
        if (!id.canConvertToInt() || id.asInt() < 0 || id.asInt() >= model.vocabulary()) {
            throw fields.wrong(
                    "prompt",
                    "has %s, which is no token; they lie in [0, %,d)"
                            .formatted(id, model.vocabulary()));
        }
        return id.asInt();
    }

    /// @param special whether the tokenizer adds its special tokens, where the caller does not say
    private int[] encode(Fields fields, String name, String text, boolean special) {
        try {
            return fields.flag("add_special_tokens").orElse(special)
                    ? model.tokens(text)
                    : model.tokensAsWritten(text);
        } catch (InvalidInputException e) {
            boolean byText = e.getCause() == null;
            String reason = byText ? e.getMessage() : "the model's tokenizer cannot take it";
            throw fields.wrong(name, "cannot be used: " + reason);
        }
    }

    private static int[] checkNotEmpty(String field, int[] prompt) {
        if (prompt.length == 0) {
            throw ApiError.ofField(field, "the prompt is empty");
        }
        return prompt;
    }

    /// How long an answer may be of which the caller does not say.
    private int longestAnswer(int[] prompt) {
        return Math.clamp(model.context() - prompt.length, 1, longestAnswer);
    }
}
