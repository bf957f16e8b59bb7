package org.wanda4j.serve;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.wanda4j.runtime.Answer;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.ScoredToken;

/// The answer of `/v1/completions`.
final class TextReply implements Reply {

    private final String id = "cmpl-" + UUID.randomUUID();
    private final long created = Instant.now().getEpochSecond();
    private final String model;
    private int offset;

    /// @param model its name
    TextReply(String model) {
        this.model = model;
    }

    /// The whole or a part.
    record Envelope(
            String id,
            String object,
            long created,
            String model,
            List<Choice> choices,
            @JsonInclude(JsonInclude.Include.NON_ABSENT) Optional<Usage> usage) {}

    /// The text.
    record Choice(
            String text,
            int index,
            Optional<Logprobs> logprobs,
            @JsonProperty("finish_reason") Optional<String> finishReason) {}

    /// How likely the tokens were.
    ///
    /// @param textOffset where each begins in the answer, in characters (code points)
    record Logprobs(
            List<String> tokens,
            @JsonProperty("token_logprobs") List<Double> tokenLogprobs,
            @JsonProperty("top_logprobs") List<Map<String, Double>> topLogprobs,
            @JsonProperty("text_offset") List<Integer> textOffset) {}

    private Logprobs logprobs(List<ScoredToken> tokens) {
        List<Map<String, Double>> alternatives = new ArrayList<>();
        List<Integer> offsets = new ArrayList<>();
        for (ScoredToken token : tokens) {
            alternatives.add(byText(token.alternatives()));
            offsets.add(offset);
            offset += token.text().codePointCount(0, token.text().length());
        }
        return new Logprobs(
                tokens.stream().map(ScoredToken::text).toList(),
                tokens.stream().map(ScoredToken::logProbability).toList(),
                alternatives,
                offsets);
    }

    /// Tokens that add no text there, and all but the likeliest of those that add the same, are called by their ids.
    private static Map<String, Double> byText(List<ScoredToken> tokens) {
        Map<String, Double> likelihoods = new LinkedHashMap<>();
        for (ScoredToken token : tokens) {
            String text = token.text();
            boolean free = !text.isEmpty() && !likelihoods.containsKey(text);
            likelihoods.put(free ? text : "token_id:" + token.id(), token.logProbability());
        }
        return likelihoods;
    }

    @Override
    public boolean goesOn() {
        return true;
    }

    @Override
    public Object whole(Generation generation, Optional<List<ScoredToken>> tokens) {
        return envelope(
                List.of(
                        new Choice(
                                generation.text(),
                                0,
                                tokens.map(this::logprobs),
                                Reply.reason(generation))),
                Optional.of(Usage.of(generation)));
    }

    @Override
    public Optional<Object> opening() {
        return Optional.empty();
    }

    @Override
    public Object part(Answer.Piece piece, boolean scored) {
        Optional<Logprobs> logprobs =
                scored ? Optional.of(logprobs(piece.tokens())) : Optional.empty();
        return envelope(
                List.of(new Choice(piece.text(), 0, logprobs, Optional.empty())), Optional.empty());
    }

    @Override
    public Object closing(Generation generation) {
        return envelope(
                List.of(new Choice("", 0, Optional.empty(), Reply.reason(generation))),
                Optional.empty());
    }

    @Override
    public Object usage(Generation generation) {
        return envelope(List.of(), Optional.of(Usage.of(generation)));
    }

    private Envelope envelope(List<Choice> choices, Optional<Usage> usage) {
        return new Envelope(id, "text_completion", created, model, choices, usage);
    }
}
