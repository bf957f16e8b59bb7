package org.wanda4j.runtime;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.wanda4j.checkpoint.InvalidInputException;

/// How tokens are sampled, and when a generation ends.
///
/// @param maxTokens most tokens that are generated
/// @param temperature divides the logits; 0 takes the likeliest token (greedy)
/// @param topK samples from so many of the likeliest tokens; 0 for all
/// @param topP samples from the likeliest tokens whose probabilities add up to this; 1 for all
/// @param minP samples from tokens with at least this fraction of the likeliest one's probability; 0 for all
/// @param repetitionPenalty divides positive logits of tokens in the text, and multiplies negative ones; 1 for none
/// @param seed of the random numbers; where empty, another one each time
/// @param stop strings that end the generation and are not part of its text
/// @param logitBias by id, what is added to the logits of tokens
public record Sampling(
        int maxTokens,
        double temperature,
        int topK,
        double topP,
        double minP,
        double repetitionPenalty,
        OptionalLong seed,
        List<String> stop,
        Map<Integer, Float> logitBias) {

    /// 512 tokens, temperature 0.8, top-k 40, top-p 0.95, min-p 0.05.
    public static final Sampling DEFAULT =
            new Sampling(512, 0.8, 40, 0.95, 0.05, 1, OptionalLong.empty(), List.of());

    /// 512 tokens, always the likeliest.
    public static final Sampling GREEDY =
            new Sampling(512, 0, 0, 1, 0, 1, OptionalLong.empty(), List.of());

    /// Checks the ranges.
    ///
    /// @throws InvalidInputException when a value is out of its range
    public Sampling {
        stop = List.copyOf(stop);
        logitBias = Map.copyOf(logitBias);
        check(maxTokens >= 0, "max-tokens must not be negative", maxTokens);
        check(temperature >= 0, "temperature must not be negative", temperature);
        check(topK >= 0, "top-k must not be negative", topK);
        check(topP > 0 && topP <= 1, "top-p must lie in (0, 1]", topP);
        check(minP >= 0 && minP <= 1, "min-p must lie in [0, 1]", minP);
        check(repetitionPenalty > 0, "repetition-penalty must be positive", repetitionPenalty);
        check(stop.stream().noneMatch(String::isEmpty), "a stop text must not be empty", "''");
    }

    /// Without a bias of logits.
    public Sampling(
            int maxTokens,
            double temperature,
            int topK,
            double topP,
            double minP,
            double repetitionPenalty,
            OptionalLong seed,
            List<String> stop) {
        this(maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop, Map.of());
    }

    private static void check(boolean valid, String what, Object value) {
        if (!valid) {
            throw new InvalidInputException(what + ", got " + value);
        }
    }

    /// The same with another [#seed()].
    public Sampling withSeed(long other) {
        return new Sampling(
                maxTokens,
                temperature,
                topK,
                topP,
                minP,
                repetitionPenalty,
                OptionalLong.of(other),
                stop,
                logitBias);
    }

    /// The same with another [#maxTokens()].
    public Sampling withMaxTokens(int tokens) {
        return new Sampling(
                tokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop, logitBias);
    }
}
