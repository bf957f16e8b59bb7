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
    private final int perPrompt;

    /// Code points of the tokens of each choice written so far.
    private final int[] offsets;

    /// @param model its name
    /// @param perPrompt choices of each prompt
    TextResponseWriter(String model, int prompts, int perPrompt) {
        this.model = model;
        this.perPrompt = perPrompt;
        this.offsets = new int[prompts * perPrompt];
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

    /// `text_offset` is where each token begins in the completion, in code points. The first token of an echoed prompt has no log
    /// probability.
    @Override
    public Map<String, List<?>> logprobs(int choice, List<ScoredToken> tokens) {
        List<Optional<Double>> own = new ArrayList<>();
        List<Optional<Map<String, Double>>> alternatives = new ArrayList<>();
        List<Integer> begins = new ArrayList<>();
        for (ScoredToken token : tokens) {
            boolean scored = !Double.isNaN(token.logProbability());
            own.add(scored ? Optional.of(token.logProbability()) : Optional.empty());
            alternatives.add(scored ? Optional.of(byText(token.alternatives())) : Optional.empty());
            begins.add(offsets[choice]);
            offsets[choice] += token.text().codePointCount(0, token.text().length());
        }
        Map<String, List<?>> lists = new LinkedHashMap<>();
        lists.put("tokens", tokens.stream().map(ScoredToken::text).toList());
        lists.put("token_logprobs", own);
        lists.put("top_logprobs", alternatives);
        lists.put("text_offset", begins);
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
    public Object response(List<Generation> generations, List<HeldLogprobs> logprobs) {
        List<TextChoice> choices = new ArrayList<>();
        for (int i = 0; i < generations.size(); i++) {
            choices.add(
                    new TextChoice(
                            generations.get(i).text(),
                            i,
                            logprobs.isEmpty() ? Optional.empty() : Optional.of(logprobs.get(i)),
                            ResponseWriter.finishReason(generations.get(i))));
        }
        return completion(choices, Optional.of(Usage.of(generations, perPrompt)));
    }

    @Override
    public List<?> firstChunks(int choice) {
        return List.of();
    }

    @Override
    public List<?> chunks(int choice, TokenStream.Chunk piece, boolean logprobs) {
        return List.of(
                chunk(
                        new TextChoice(
                                piece.text(),
                                choice,
                                logprobs
                                        ? Optional.of(logprobs(choice, piece.tokens()))
                                        : Optional.empty(),
                                Optional.empty())));
    }

    @Override
    public List<?> finishChunks(int choice, Generation generation) {
        return List.of(
                chunk(
                        new TextChoice(
                                "",
                                choice,
                                Optional.empty(),
                                ResponseWriter.finishReason(generation))));
    }

    @Override
    public Object usageChunk(List<Generation> generations) {
        return completion(List.of(), Optional.of(Usage.of(generations, perPrompt)));
    }

    private TextCompletion chunk(TextChoice choice) {
        return completion(List.of(choice), Optional.empty());
    }

    private TextCompletion completion(List<TextChoice> choices, Optional<Usage> usage) {
        return new TextCompletion(id, "text_completion", created, model, choices, usage);
    }
}
