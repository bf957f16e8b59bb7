package org.wanda4j.runtime;

import java.util.List;
import java.util.OptionalLong;
import org.wanda4j.checkpoint.InvalidInputException;

/// How the next token is chosen, and when a text ends.
///
/// @param maxTokens longest answer, in tokens
/// @param temperature divides the logits; 0 always takes the likeliest token
/// @param topK only so many of the likeliest tokens; 0 for all
/// @param topP only the likeliest tokens that together have this probability; 1 for all
/// @param minP only tokens that have this share of the likeliest one's probability; 0 for all
/// @param repetitionPenalty divides positive logits of tokens that occurred, and multiplies negative ones; 1 for none
/// @param seed decides the draws; another one each time where empty
/// @param stop texts that end the answer, and are not part of it
public record Sampling(
        int maxTokens,
        double temperature,
        int topK,
        double topP,
        double minP,
        double repetitionPenalty,
        OptionalLong seed,
        List<String> stop) {

    /// Lively, but on the point.
    public static final Sampling DEFAULT =
            new Sampling(512, 0.8, 40, 0.95, 0.05, 1, OptionalLong.empty(), List.of());

    /// The same text each time.
    public static final Sampling GREEDY =
            new Sampling(512, 0, 0, 1, 0, 1, OptionalLong.empty(), List.of());

    /// Checks the ranges.
    ///
    /// @throws InvalidInputException when one is left
    public Sampling {
        stop = List.copyOf(stop);
        check(maxTokens >= 0, "max-tokens must not be negative", maxTokens);
        check(temperature >= 0, "temperature must not be negative", temperature);
        check(topK >= 0, "top-k must not be negative", topK);
        check(topP > 0 && topP <= 1, "top-p must lie in (0, 1]", topP);
        check(minP >= 0 && minP <= 1, "min-p must lie in [0, 1]", minP);
        check(repetitionPenalty > 0, "repetition-penalty must be positive", repetitionPenalty);
        check(stop.stream().noneMatch(String::isEmpty), "a stop text must not be empty", "''");
    }

    private static void check(boolean valid, String what, Object value) {
        if (!valid) {
            throw new InvalidInputException(what + ", got " + value);
        }
    }

    /// The same with another length.
    public Sampling withMaxTokens(int tokens) {
        return new Sampling(tokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop);
    }
}
