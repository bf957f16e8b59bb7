package org.wanda4j.runtime;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.internal.decode.DecodeBatch;
import org.wanda4j.runtime.internal.decode.Decoder;
import org.wanda4j.runtime.internal.decode.Sequence;
import org.wanda4j.runtime.internal.kernels.RowKernels;

/// Speed of a model: prefill and decode apart, as llama-bench measures them.
///
/// @param prefill tokens/s of a prompt, for each repeat
/// @param decode tokens/s of single tokens from empty texts on, those of all texts together, for each repeat
/// @param bytesPerToken bytes of weights that are read for a token
/// @param weights number of weights in those bytes, zeros included
/// @param kernels those that ran, in words
/// @param layout which matrices were laid out for them, in words; empty where all are as their files have them
public record Throughput(
        List<Double> prefill,
        List<Double> decode,
        long bytesPerToken,
        long weights,
        String kernels,
        String layout) {

    private static final int SEED = 1;

    /// Long enough for the JVM to compile the kernels.
    private static final long WARM_UP_NANOS = 5_000_000_000L;

    /// Some measurements of a speed.
    ///
    /// @param mean in tokens/s; 0 of none
    /// @param deviation standard deviation; 0 of fewer than two
    public record Rate(double mean, double deviation) {

        private static Rate of(List<Double> values) {
            double mean = values.stream().mapToDouble(Double::doubleValue).average().orElse(0);
            double squares = values.stream().mapToDouble(value -> Math.pow(value - mean, 2)).sum();
            return new Rate(mean, values.size() < 2 ? 0 : Math.sqrt(squares / (values.size() - 1)));
        }
    }

    /// The repeats of prefill together.
    public Rate prefillRate() {
        return Rate.of(prefill);
    }

    /// The repeats of decoding together.
    public Rate decodeRate() {
        return Rate.of(decode);
    }

    /// What is measured.
    ///
    /// @param promptTokens length of the prompt; 0 to leave prefill out
    /// @param tokens how many are decoded of each text; 0 to leave decoding out
    /// @param streams texts that are decoded together, at least 1
    /// @param repeats number of measurements of each, after a warm-up of at least 5 s each
    public record Work(int promptTokens, int tokens, int streams, int repeats) {

        /// Nothing: of the model only its sizes are found.
        public static final Work NONE = new Work(0, 0, 1, 0);

        /// @throws InvalidInputException when a number is too small, or more streams are asked for than can be decoded together
        public Work {
            if (promptTokens < 0 || tokens < 0 || repeats < 0) {
                throw new InvalidInputException(
                        "numbers of tokens and repeats must not be negative: %d, %d, %d"
                                .formatted(promptTokens, tokens, repeats));
            }
            if (streams < 1 || streams > Decoder.LARGEST_BATCH) {
                throw new InvalidInputException(
                        "between 1 and %d texts can be decoded together, not %d"
                                .formatted(Decoder.LARGEST_BATCH, streams));
            }
        }
    }

    /// Measures the model in `directory`.
    ///
    /// @param instructions of the kernels that are to run; empty for the fastest
    /// @throws InvalidInputException when no kernels with those instructions run here
    public static Throughput measure(
            Path directory, Work work, int threads, Optional<InstructionSet> instructions) {
        RowKernels kernels = instructions.map(KernelChoice::best).orElseGet(KernelChoice::best);
        try (Checkpoint checkpoint = Checkpoint.open(directory);
                Decoder decoder = new Decoder(checkpoint, kernels, threads)) {
            int promptTokens = work.promptTokens();
            int tokens = work.tokens();
            int decoded = tokens * work.streams();
            List<Double> prefill = new ArrayList<>();
            List<Double> decode = new ArrayList<>();
            warmUp(promptTokens, () -> prefill(decoder, promptTokens));
            warmUp(tokens, () -> decode(decoder, tokens, work.streams()));
            for (int i = 0; i < work.repeats(); i++) {
                prefill.add(rate(promptTokens, () -> prefill(decoder, promptTokens)));
                decode.add(rate(decoded, () -> decode(decoder, tokens, work.streams())));
            }
            return new Throughput(
                    promptTokens == 0 ? List.of() : prefill,
                    tokens == 0 ? List.of() : decode,
                    decoder.perToken().bytes(),
                    decoder.perToken().count(),
                    kernels.description(),
                    decoder.layout());
        }
    }

    private static void warmUp(int tokens, Runnable work) {
        long start = System.nanoTime();
        while (tokens > 0 && System.nanoTime() - start < WARM_UP_NANOS) {
            work.run();
        }
    }

    private static double rate(int tokens, Runnable work) {
        long start = System.nanoTime();
        work.run();
        return tokens * 1e9 / (System.nanoTime() - start);
    }

    private static void prefill(Decoder decoder, int tokens) {
        int[] ids = new int[tokens];
        Arrays.setAll(ids, i -> i % decoder.architecture().vocabulary());
        try (Sequence sequence = decoder.newSequence()) {
            for (int from = 0; from < tokens; from += Decoder.LARGEST_BATCH) {
                int to = Math.min(tokens, from + Decoder.LARGEST_BATCH);
                int[] some = Arrays.copyOfRange(ids, from, to);
                decoder.forward(List.of(new DecodeBatch.Step(sequence, some, to == tokens)));
            }
        }
    }

    /// Decodes random tokens of some texts together; sampling is not measured.
    private static void decode(Decoder decoder, int tokens, int streams) {
        var random = new Random(SEED);
        int vocabulary = decoder.architecture().vocabulary();
        List<Sequence> sequences = new ArrayList<>();
        try {
            for (int i = 0; i < streams; i++) {
                sequences.add(decoder.newSequence());
            }
            for (int i = 0; i < tokens; i++) {
                List<DecodeBatch.Step> steps = new ArrayList<>();
                for (Sequence sequence : sequences) {
                    int[] next = {random.nextInt(vocabulary)};
                    steps.add(new DecodeBatch.Step(sequence, next, true));
                }
                decoder.forward(steps);
            }
        } finally {
            sequences.forEach(Sequence::close);
        }
    }
}
