package org.wanda4j.serve;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.ScoredToken;
import org.wanda4j.runtime.TokenStream;

/// Writes the choices of a request as the objects of OpenAI's interface, which become JSON: a single response, or the chunks of a stream.
/// A choice is named by its index.
sealed interface ResponseWriter permits ChatResponseWriter, TextResponseWriter {

    /// The response that is not streamed.
    ///
    /// @param logprobs of all tokens of each; empty where the request does not ask for them
    Object response(List<Generation> generations, List<HeldLogprobs> logprobs);

    /// Log probabilities of the next tokens: lists with an element for each of them, by name. The lists are of one set of names, and
    /// those of all tokens of a completion are joined in its single response.
    Map<String, List<?>> logprobs(int choice, List<ScoredToken> tokens);

    /// The chunks before the text.
    List<?> firstChunks(int choice);

    /// Chunks of text.
    ///
    /// @param logprobs whether the request asks for log probabilities
    List<?> chunks(int choice, TokenStream.Chunk piece, boolean logprobs);

    /// The chunks behind the text, the last one with the reason for its end.
    List<?> finishChunks(int choice, Generation generation);

    /// The chunk with the numbers of tokens.
    ///
    /// @param generations of all choices, in any order
    Object usageChunk(List<Generation> generations);

    /// Numbers of tokens.
    record Usage(
            @JsonProperty("prompt_tokens") int promptTokens,
            @JsonProperty("completion_tokens") int completionTokens,
            @JsonProperty("total_tokens") int totalTokens) {

        /// @param perPrompt how many there are of each prompt, which counts once
        static Usage of(List<Generation> generations, int perPrompt) {
            int prompts = generations.stream().mapToInt(Generation::promptTokens).sum() / perPrompt;
            int tokens = generations.stream().mapToInt(Generation::tokens).sum();
            return new Usage(prompts, tokens, prompts + tokens);
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
