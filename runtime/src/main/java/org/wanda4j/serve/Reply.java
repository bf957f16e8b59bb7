package org.wanda4j.serve;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Optional;
import org.wanda4j.runtime.Answer;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.ScoredToken;

/// How one answer is worded: objects that become JSON.
sealed interface Reply permits ChatReply, TextReply {

    /// Whether the answer goes on with the prompt's text, and is not a text of its own.
    boolean goesOn();

    /// The whole answer.
    ///
    /// @param tokens where the caller wants to know them
    Object whole(Generation generation, Optional<List<ScoredToken>> tokens);

    /// What comes before the parts, where something does.
    Optional<Object> opening();

    /// A part of the answer.
    ///
    /// @param scored whether the caller wants to know the tokens
    Object part(Answer.Piece piece, boolean scored);

    /// What comes after the parts.
    Object closing(Generation generation);

    /// What comes last where the caller wants to know the number of tokens.
    Object usage(Generation generation);

    /// What an answer cost.
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

    /// Why an answer ended.
    static Optional<String> reason(Generation generation) {
        return Optional.of(
                switch (generation.finish()) {
                    case STOP -> "stop";
                    case LENGTH -> "length";
                    case CANCELLED -> throw new IllegalStateException("nobody asks any more");
                });
    }
}
