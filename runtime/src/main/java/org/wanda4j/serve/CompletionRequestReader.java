package org.wanda4j.serve;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.grammar.Grammar;
import org.wanda4j.runtime.GenerationOptions;
import org.wanda4j.runtime.GenerationOptions.Text;
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
    private static final double MOST_BIAS = 100;
    private static final int MOST_OF_A_PROMPT = 128; // as OpenAI's
    private static final int MOST_CHOICES = 2048;

    private final LanguageModel model;
    private final Optional<ChatTemplate> template;
    private final String name;
    private final int longestAnswer;
    private final PromptReader prompts;
    private final ResponseFormat formats = new ResponseFormat();

    /// @param name of the model
    /// @param longestAnswer most tokens of a completion
    CompletionRequestReader(
            LanguageModel model, Optional<ChatTemplate> template, String name, int longestAnswer) {
        this.model = model;
        this.template = template;
        this.name = name;
        this.longestAnswer = longestAnswer;
        this.prompts = new PromptReader(model, template);
    }

    /// Reads a body of `/v1/chat/completions`.
    ///
    /// @throws ApiException when it is invalid
    CompletionRequest chat(byte[] body) {
        RequestFields fields = read(body);
        if (fields.isTrue("echo")) {
            throw fields.invalid("echo", "is for /v1/completions alone");
        }
        Conversation conversation = Conversation.of(fields);
        Optional<Tools> tools = template.flatMap(it -> Tools.of(fields, it));
        int[] prompt = prompts.conversation(fields, conversation, tools);
        Optional<Grammar> grammar = grammar(fields, tools);
        Optional<Integer> alternatives = fields.integer("top_logprobs", 0, MOST_ALTERNATIVES);
        if (alternatives.orElse(0) > 0 && !fields.isTrue("logprobs")) {
            throw fields.invalid("top_logprobs", "needs logprobs to be true");
        }
        int count = count(fields);
        Text text = conversation.continuesLastMessage() ? Text.CONTINUATION : Text.REPLY;
        return request(
                new ChatResponseWriter(name, count, tools.map(it -> it::reader)),
                choices(
                        prompt,
                        count,
                        sampling(fields, tokens(fields, 1, longestAnswer(prompt), prompt))),
                new GenerationOptions(
                        text,
                        fields.isTrue("logprobs")
                                ? OptionalInt.of(alternatives.orElse(0))
                                : OptionalInt.empty(),
                        grammar),
                fields);
    }

    /// The grammar of the answer: that of `response_format` where there is one, else that of the tools.
    private Optional<Grammar> grammar(RequestFields fields, Optional<Tools> tools) {
        Optional<Grammar> format = formats.grammar(fields);
        if (format.isPresent() && tools.isPresent()) {
            throw fields.invalid("response_format", "cannot be with tools");
        }
        boolean whole = format.isPresent() || tools.filter(Tools::mustCall).isPresent();
        if (whole && !stops(fields).isEmpty()) {
            throw fields.invalid(
                    "stop",
                    "cannot be with a response_format or a required tool: it could cut them");
        }
        return format.isPresent() ? format : tools.flatMap(Tools::grammar);
    }

    /// Reads a body of `/v1/completions`.
    ///
    /// @throws ApiException when it is invalid
    CompletionRequest completion(byte[] body) {
        RequestFields fields = read(body);
        if (fields.find("tools").filter(it -> !it.isEmpty()).isPresent()) {
            throw fields.invalid("tools", "are for /v1/chat/completions alone");
        }
        List<int[]> texts = prompts.texts(fields);
        int count = count(fields);
        if (texts.size() * count > MOST_CHOICES) {
            throw fields.invalid(
                    "prompt",
                    "asks for %,d answers, and %,d at most are given to a request"
                            .formatted(texts.size() * count, MOST_CHOICES));
        }
        List<CompletionRequest.Choice> choices = new ArrayList<>();
        for (int[] prompt : texts) {
            int tokens = Math.min(DEFAULT_MAX_TOKENS, longestAnswer(prompt));
            choices.addAll(
                    choices(prompt, count, sampling(fields, tokens(fields, 0, tokens, prompt))));
        }
        Optional<Integer> alternatives = fields.integer("logprobs", 0, MOST_ALTERNATIVES);
        return request(
                new TextResponseWriter(name, texts.size(), count),
                choices,
                new GenerationOptions(
                        fields.isTrue("echo") ? Text.ECHO : Text.CONTINUATION,
                        alternatives.isPresent()
                                ? OptionalInt.of(alternatives.get())
                                : OptionalInt.empty(),
                        grammar(fields, Optional.empty())),
                fields);
    }

    /// @param smallest that may be asked for
    /// @param otherwise where the request does not say
    private int tokens(RequestFields fields, int smallest, int otherwise, int[] prompt) {
        int none = longestAnswer(prompt); // for -1
        OptionalInt tokens = fields.limit("max_completion_tokens", smallest, longestAnswer, none);
        OptionalInt older = fields.limit("max_tokens", smallest, longestAnswer, none);
        return tokens.orElse(older.orElse(otherwise));
    }

    private static int count(RequestFields fields) {
        return fields.integer("n", 1, MOST_OF_A_PROMPT).orElse(1);
    }

    /// Each choice of a prompt has a seed of its own.
    private static List<CompletionRequest.Choice> choices(
            int[] prompt, int count, Sampling sampling) {
        return IntStream.range(0, count)
                .mapToObj(i ->
                        sampling.seed().isEmpty()
                                ? sampling
                                : sampling.withSeed(sampling.seed().getAsLong() + i))
                .map(own -> new CompletionRequest.Choice(prompt, own))
                .toList();
    }

    private static CompletionRequest request(
            ResponseWriter writer,
            List<CompletionRequest.Choice> choices,
            GenerationOptions options,
            RequestFields fields) {
        boolean usage =
                fields.object("stream_options")
                        .map(CompletionRequestReader::includeUsage)
                        .orElse(false);
        return new CompletionRequest(writer, choices, options, fields.isTrue("stream"), usage);
    }

    /// Reads a body of `/tokenize`.
    ///
    /// @throws ApiException when it is invalid
    PromptReader.Tokens tokenize(byte[] body) {
        return prompts.tokenize(parse(body));
    }

    /// Reads a body of `/detokenize`.
    ///
    /// @throws ApiException when it is invalid
    PromptReader.TextOf detokenize(byte[] body) {
        return prompts.detokenize(parse(body));
    }

    private static boolean includeUsage(RequestFields options) {
        if (options.isTrue("continuous_usage_stats")) {
            throw options.invalid(
                    "continuous_usage_stats", "is not supported here; include_usage is");
        }
        return options.isTrue("include_usage");
    }

    private RequestFields parse(byte[] body) {
        RequestFields fields;
        try {
            fields = new RequestFields(Json.parse(body, "the body"));
        } catch (InvalidInputException e) {
            throw ApiException.invalid(400, e.getMessage());
        }
        checkModel(fields.string("model").orElse(name));
        return fields;
    }

    private RequestFields read(byte[] body) {
        RequestFields fields = parse(body);
        RefusedField.check(fields);
        checkModalities(fields);
        return fields;
    }

    private static void checkModalities(RequestFields fields) {
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
                stops(fields),
                logitBias(fields));
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

    private Map<Integer, Float> logitBias(RequestFields fields) {
        Map<Integer, Float> biases = new LinkedHashMap<>();
        fields.object("logit_bias")
                .ifPresent(asked ->
                        asked.object()
                                .propertyNames()
                                .forEach(id ->
                                        biases.put(
                                                biasedToken(asked, id),
                                                (float)
                                                        asked.number(
                                                                id, 0, -MOST_BIAS, MOST_BIAS))));
        return biases;
    }

    private int biasedToken(RequestFields biases, String id) {
        try {
            int token = Integer.parseInt(id);
            if (token >= 0 && token < model.vocabulary()) {
                return token;
            }
        } catch (NumberFormatException e) {
            // It is refused below.
        }
        throw biases.invalid(id, "is no token; they lie in [0, %,d)".formatted(model.vocabulary()));
    }

    /// Most tokens of a completion whose request does not say.
    private int longestAnswer(int[] prompt) {
        return Math.clamp(model.context() - prompt.length, 1, longestAnswer);
    }
}
