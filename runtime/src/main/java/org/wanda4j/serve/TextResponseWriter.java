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
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.ScoredToken;
import org.wanda4j.runtime.TokenStream;

/// Responses of `/v1/completions`.
final class TextResponseWriter implements ResponseWriter {

    private final String id = "cmpl-" + UUID.randomUUID();
    private final long created = Instant.now().getEpochSecond();
    private final String model;

    /// Code points of the tokens written so far.
    private int offset;

    /// @param model its name
    TextResponseWriter(String model) {
        this.model = model;
    }

    /// A response or a chunk.
    record TextCompletion(
            String id,
            String object,
            long created,
            String model,
            List<TextChoice> choices,
            @JsonInclude(JsonInclude.Include.NON_ABSENT) Optional<Usage> usage) {}

    /// The text of a response or a chunk.
    ///
    /// @param logprobs [HeldLogprobs], or the lists of a chunk
    record TextChoice(
            String text,
            int index,
            Optional<?> logprobs,
            @JsonProperty("finish_reason") Optional<String> finishReason) {}

    /// `text_offset` is where each token begins in the completion, in code points.
    @Override
    public Map<String, List<?>> logprobs(List<ScoredToken> tokens) {
        List<Map<String, Double>> alternatives = new ArrayList<>();
        List<Integer> offsets = new ArrayList<>();
        for (ScoredToken token : tokens) {
            alternatives.add(byText(token.alternatives()));
            offsets.add(offset);
            offset += token.text().codePointCount(0, token.text().length());
        }
        Map<String, List<?>> lists = new LinkedHashMap<>();
        lists.put("tokens", tokens.stream().map(ScoredToken::text).toList());
        lists.put("token_logprobs", tokens.stream().map(ScoredToken::logProbability).toList());
        lists.put("top_logprobs", alternatives);
        lists.put("text_offset", offsets);
        return lists;
    }

    /// Log probabilities by text. A token that adds no text, and one whose text a likelier token has, is `token_id:` and its id.
    private static Map<String, Double> byText(List<ScoredToken> tokens) {
        Map<String, Double> logprobs = new LinkedHashMap<>();
        for (ScoredToken token : tokens) {
            String text = token.text();
            boolean unique = !text.isEmpty() && !logprobs.containsKey(text);
            logprobs.put(unique ? text : "token_id:" + token.id(), token.logProbability());
        }
        return logprobs;
    }

    @Override
    public boolean continuesPrompt() {
        return true;
    }

    @Override
    public Object response(Generation generation, Optional<HeldLogprobs> logprobs) {
        var choice =
                new TextChoice(
                        generation.text(), 0, logprobs, ResponseWriter.finishReason(generation));
        return completion(List.of(choice), Optional.of(Usage.of(generation)));
    }

    @Override
    public Optional<Object> firstChunk() {
        return Optional.empty();
    }

    @Override
    public Object chunk(TokenStream.Chunk piece, boolean logprobs) {
        var choice =
                new TextChoice(
                        piece.text(),
                        0,
                        logprobs ? Optional.of(logprobs(piece.tokens())) : Optional.empty(),
                        Optional.empty());
        return completion(List.of(choice), Optional.empty());
    }

    @Override
    public Object finishChunk(Generation generation) {
        var choice =
                new TextChoice("", 0, Optional.empty(), ResponseWriter.finishReason(generation));
        return completion(List.of(choice), Optional.empty());
    }

    @Override
    public Object usageChunk(Generation generation) {
        return completion(List.of(), Optional.of(Usage.of(generation)));
    }

    private TextCompletion completion(List<TextChoice> choices, Optional<Usage> usage) {
        return new TextCompletion(id, "text_completion", created, model, choices, usage);
    }
}
