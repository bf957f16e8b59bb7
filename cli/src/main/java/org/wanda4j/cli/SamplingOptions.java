package org.wanda4j.cli;

import java.util.List;
import java.util.OptionalLong;
import org.wanda4j.runtime.Sampling;
import picocli.CommandLine.Option;

/// How an answer is sampled.
final class SamplingOptions {

    @Option(names = "--max-tokens", paramLabel = "N", description = "longest answer (default: 512)")
    private int maxTokens = Sampling.DEFAULT.maxTokens();

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "0 always takes the likeliest token (default: 0.8)")
    private double temperature = Sampling.DEFAULT.temperature();

    @Option(
            names = "--top-k",
            paramLabel = "K",
            description = "only the K likeliest tokens; 0 for all (default: 40)")
    private int topK = Sampling.DEFAULT.topK();

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description =
                    "only the likeliest tokens that together have this probability (default: 0.95)")
    private double topP = Sampling.DEFAULT.topP();

    @Option(
            names = "--min-p",
            paramLabel = "P",
            description =
                    "only tokens with this share of the likeliest one's probability (default: 0.05)")
    private double minP = Sampling.DEFAULT.minP();

    @Option(
            names = "--repetition-penalty",
            paramLabel = "R",
            description = "more than 1 makes tokens that occurred less likely (default: 1)")
    private double repetitionPenalty = Sampling.DEFAULT.repetitionPenalty();

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "decides the draws (default: another one each time)")
    private Long seed;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            description = "ends the answer where it occurs; repeatable")
    private List<String> stop = List.of();

    Sampling sampling() {
        return new Sampling(
                maxTokens,
                temperature,
                topK,
                topP,
                minP,
                repetitionPenalty,
                seed == null ? OptionalLong.empty() : OptionalLong.of(seed),
                stop);
    }
}
