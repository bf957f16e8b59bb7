package org.wanda4j.serve;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.ScoredToken;
import org.wanda4j.runtime.TokenStream;

/// Writes one completion as the objects of OpenAI's interface, which become JSON: a single response, or the chunks of a stream.
sealed interface ResponseWriter permits ChatResponseWriter, TextResponseWriter {

    /// Whether the completion continues the prompt's text, so that its first token may begin with white space.
    boolean continuesPrompt();

    /// The response that is not streamed.
    ///
    /// @param logprobs of all its tokens; empty where the request does not ask for them
    Object response(Generation generation, Optional<HeldLogprobs> logprobs);

    /// Log probabilities of the next tokens: lists with an element for each of them, by name. The lists are of one set of names, and
    /// those of all tokens of a completion are joined in its single response.
    Map<String, List<?>> logprobs(List<ScoredToken> tokens);

    /// The chunk before the text, where the interface has one.
    Optional<Object> firstChunk();

    /// A chunk of text.
    ///
    /// @param logprobs whether the request asks for log probabilities
    Object chunk(TokenStream.Chunk piece, boolean logprobs);

    /// The chunk behind the text, with the reason for its end.
    Object finishChunk(Generation generation);

    /// The chunk with the number of tokens.
    Object usageChunk(Generation generation);

    /// Numbers of tokens.
    record Usage(
            @JsonProperty("prompt_tokens") int promptTokens,
            @JsonProperty("completion_tokens") int completionTokens,
            @JsonProperty("total_tokens") int totalTokens) {

        static Usage of(Generation generation) {
            return new Usage(
                    generation.promptTokens(),
                    generation.tokens(),
                    generation.promptTokens() + generation.tokens());
        }
    }

    /// `finish_reason`, of a completion that was not cancelled.
    static Optional<String> finishReason(Generation generation) {
        return Optional.of(
                switch (generation.finish()) {
                    case STOP -> "stop";
                    case LENGTH -> "length";
                    case CANCELLED -> throw new IllegalStateException("cancelled");
                });
    }
}
