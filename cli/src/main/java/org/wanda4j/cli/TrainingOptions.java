package org.wanda4j.cli;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.recover.Recovery;
import org.wanda4j.recover.Recovery.Length;
import org.wanda4j.recover.Recovery.Objective;
import org.wanda4j.recover.Recovery.Scope;
import org.wanda4j.torch.ComputeType;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/// How a whole model is trained.
final class TrainingOptions {

    /// Most tokens that a model writes to be trained on; a longer recovery goes through them again.
    private static final long MOST_WRITTEN = 131_072;

    /// The same for a minute of a recovery.
    private static final long WRITTEN_A_MINUTE = 8192;

    private static final int RANK = 16;

    /// Alpha where none is given, over the rank.
    private static final double STRENGTH = 2;

    enum Loss {
        KL,
        TEXT
    }

    enum Part {
        ALL,
        NORMS,
        LORA
    }

    @Option(
            names = "--loss",
            paramLabel = "kl|text",
            defaultValue = "kl",
            description =
                    "kl: divergence from the dense model's probabilities of the next token; text: the next token's"
                            + " log likelihood, without a teacher (default: ${DEFAULT-VALUE})")
    private Loss loss;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "of both models' probabilities (default: 1)")
    private Double temperature;

    @Option(
            names = "--hidden-loss",
            paramLabel = "W",
            description =
                    "weight of the blocks' hidden states in the loss: squared error relative to the dense model's (default: 0)")
    private Double hidden;

    @Option(
            names = "--train",
            paramLabel = "all|norms|lora",
            defaultValue = "all",
            description =
                    "all: every weight that survives, norms and biases; norms: norms and biases; lora: a product of"
                            + " two thin matrices for each linear, merged where weights survive (default: ${DEFAULT-VALUE})")
    private Part part;

    @Option(names = "--rank", paramLabel = "N", description = "of lora (default: 16)")
    private Integer rank;

    @Option(
            names = "--alpha",
            paramLabel = "A",
            description = "lora's product is multiplied by A / N (default: twice the rank)")
    private Double alpha;

    @ArgGroup private final Duration duration = new Duration();

    static final class Duration {
        @Option(
                names = "--minutes",
                paramLabel = "N",
                description =
                        "how long the whole run takes, as far as its first steps tell (default: 15)")
        private Double minutes;

        @Option(
                names = "--tokens",
                paramLabel = "N",
                description = "instead: how many tokens are trained on")
        private Long tokens;

        Length length() {
            if (tokens != null) {
                return new Length.Tokens(tokens);
            }
            return minutes == null ? Recovery.DEFAULT.length() : new Length.Minutes(minutes);
        }
    }

    @Option(
            names = "--lr",
            paramLabel = "RATE",
            description =
                    "rate of the optimiser at its peak (default: all by the loss at the start and the number of steps, 1.25e-3 at most; norms 2e-3, lora 1e-3; with --values at most 1e-4, lora 2e-4)")
    private Double rate;

    @Option(
            names = "--values",
            paramLabel = "int8|int4",
            description =
                    "compute with weights as they are rounded to this type, and write them packed in it (default: an ordinary checkpoint)")
    private ValueType values;

    /// How many tokens a recovery takes of a text that is written for it: what it trains on, and what it holds out.
    static long textFor(Recovery recovery) {
        double trained =
                switch (recovery.length()) {
                    case Length.Tokens(long tokens) -> tokens;
                    case Length.Minutes(double minutes) -> minutes * WRITTEN_A_MINUTE;
                    case Length.Total(double minutes) -> minutes * WRITTEN_A_MINUTE;
                };
        long heldOut =
                (Recovery.WINDOWS_PER_STEP + 1L)
                        * recovery.seqlen().orElse(Recovery.LONGEST_WINDOW);
        return Math.round(Math.min(trained, MOST_WRITTEN)) + heldOut;
    }

    Recovery recovery(OptionalInt seqlen, long seed, Optional<ComputeType> type) {
        return new Recovery(
                scope(),
                objective(),
                duration.length(),
                rate == null ? OptionalDouble.empty() : OptionalDouble.of(rate),
                seqlen,
                seed,
                Optional.ofNullable(values),
                type);
    }

    private Objective objective() {
        return switch (loss) {
            case KL ->
                    new Objective.Logits(
                            temperature == null ? 1 : temperature, hidden == null ? 0 : hidden);
            case TEXT -> {
                if (temperature != null || hidden != null) {
                    throw new InvalidInputException(
                            "--temperature and --hidden-loss go with --loss kl; leave them out with --loss text");
                }
                yield new Objective.Text();
            }
        };
    }

    private Scope scope() {
        if (part != Part.LORA && (rank != null || alpha != null)) {
            throw new InvalidInputException("--rank and --alpha go with --train lora");
        }
        return switch (part) {
            case ALL -> new Scope.All();
            case NORMS -> new Scope.Norms();
            case LORA -> {
                int thickness = rank == null ? RANK : rank;
                yield new Scope.LowRank(thickness, alpha == null ? STRENGTH * thickness : alpha);
            }
        };
    }
}
