package org.wanda4j.serve;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.IntStream;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.ScoredToken;
import org.wanda4j.runtime.TokenStream;

/// Responses of `/v1/chat/completions`.
///
/// @param created seconds since 1970
/// @param model its name
/// @param continuesPrompt whether the completion continues the conversation's last message
record ChatResponseWriter(String id, long created, String model, boolean continuesPrompt)
        implements ResponseWriter {

    private static final String RESPONSE = "chat.completion";
    private static final String CHUNK = "chat.completion.chunk";

    ChatResponseWriter(String model, boolean continuesPrompt) {
        this(
                "chatcmpl-" + UUID.randomUUID(),
                Instant.now().getEpochSecond(),
                model,
                continuesPrompt);
    }

    /// A response, with one [ChatChoice], or a chunk, with at most one [ChunkChoice].
    record ChatCompletion(
            String id,
            String object,
            long created,
            String model,
            List<?> choices,
            @JsonInclude(JsonInclude.Include.NON_ABSENT) Optional<Usage> usage) {}

    /// The completion in a response.
    record ChatChoice(
            int index,
            ChatMessage message,
            Optional<HeldLogprobs> logprobs,
            @JsonProperty("finish_reason") Optional<String> finishReason) {}

    /// The message of the completion.
    record ChatMessage(String role, String content, Optional<String> refusal) {}

    /// The part of the completion in a chunk.
    record ChunkChoice(
            int index,
            Delta delta,
            Optional<Map<String, List<?>>> logprobs,
            @JsonProperty("finish_reason") Optional<String> finishReason) {}

    /// What a chunk adds to the message.
    @JsonInclude(JsonInclude.Include.NON_ABSENT)
    record Delta(Optional<String> role, Optional<String> content) {}

    /// A token and its log probability.
    ///
    /// @param bytes UTF-8, 0 to 255
    record TokenLogprob(
            String token,
            double logprob,
            List<Integer> bytes,
            @JsonProperty("top_logprobs") List<TokenLogprob> topLogprobs) {

        static TokenLogprob of(ScoredToken token) {
            byte[] bytes = token.bytes();
            return new TokenLogprob(
                    token.text(),
                    token.logProbability(),
                    IntStream.range(0, bytes.length)
                            .mapToObj(i -> Byte.toUnsignedInt(bytes[i]))
                            .toList(),
                    token.alternatives().stream().map(TokenLogprob::of).toList());
        }
    }

    @Override
    public Object response(Generation generation, Optional<HeldLogprobs> logprobs) {
        var choice =
                new ChatChoice(
                        0,
                        new ChatMessage("assistant", generation.text(), Optional.empty()),
                        logprobs,
                        ResponseWriter.finishReason(generation));
        return completion(RESPONSE, List.of(choice), Optional.of(Usage.of(generation)));
    }

    @Override
    public Map<String, List<?>> logprobs(List<ScoredToken> tokens) {
        return Map.of("content", tokens.stream().map(TokenLogprob::of).toList());
    }

    @Override
    public Optional<Object> firstChunk() {
        var delta = new Delta(Optional.of("assistant"), Optional.of(""));
        return Optional.of(chunk(delta, Optional.empty(), Optional.empty()));
    }

    @Override
    public Object chunk(TokenStream.Chunk piece, boolean logprobs) {
        var delta = new Delta(Optional.empty(), Optional.of(piece.text()));
        return chunk(
                delta,
                logprobs ? Optional.of(logprobs(piece.tokens())) : Optional.empty(),
                Optional.empty());
    }

    @Override
    public Object finishChunk(Generation generation) {
        var nothing = new Delta(Optional.empty(), Optional.empty());
        return chunk(nothing, Optional.empty(), ResponseWriter.finishReason(generation));
    }

    @Override
    public Object usageChunk(Generation generation) {
        return completion(CHUNK, List.of(), Optional.of(Usage.of(generation)));
    }

    private ChatCompletion chunk(
            Delta delta, Optional<Map<String, List<?>>> logprobs, Optional<String> finishReason) {
        var choice = new ChunkChoice(0, delta, logprobs, finishReason);
        return completion(CHUNK, List.of(choice), Optional.empty());
    }

    private ChatCompletion completion(String object, List<?> choices, Optional<Usage> usage) {
        return new ChatCompletion(id, object, created, model, choices, usage);
    }
}
