package org.wanda4j.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.EvaluationText;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.SmolLm2;
import org.wanda4j.WordModel;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.evaluate.Perplexity.Protocol;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.ForwardPass;

/// KL divergence from a reference, against sums over whole matrices of logits.
class DivergenceTest {

    private static final RunSettings SETTINGS = RunSettings.defaults().withThreads(2);

    @TempDir private Path directory;

    @Test
    void aPrunedModelIsAsFarFromTheDenseOneAsTheNaiveSumsSay() {
        Protocol protocol = protocol(64, 5);
        checkAgainstNaive(SharedFiles.tinyLlama(), pruned(), EvaluationText.beginning(), protocol);
    }

    /// The logits of a window are more than are made at a time.
    @Test
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void aLargeVocabularyIsTakenInPieces() {
        Path model = SmolLm2.directory();
        Path half = prunedCopy(model);
        checkAgainstNaive(model, half, EvaluationText.beginning(), protocol(200, 1));
    }

    /// Each has its own hidden size, caps and scales of logits.
    @ParameterizedTest
    @CsvSource({"gemma2, llama3", "llama3, granite", "opt, gemma2"})
    void theReferenceMayBeOfAnotherFamily(String family, String other) throws IOException {
        Path model = WordModel.of(GoldenFamilies.of(family), directory);
        Path reference = WordModel.of(GoldenFamilies.of(other), directory);
        Corpus text = text(WordModel.text(100, 3));
        checkAgainstNaive(reference, model, text, protocol(16, 4));
    }

    @Test
    void aModelIsNotAwayFromItself() {
        Divergence divergence =
                divergence(
                        SharedFiles.tinyLlama(),
                        SharedFiles.tinyLlama(),
                        EvaluationText.beginning(),
                        protocol(64, 20));
        assertEquals(0, divergence.mean());
        assertEquals(0, divergence.percentile99());
        assertEquals(1, divergence.sameChoice());
        assertEquals(SharedFiles.tinyLlama().toString(), divergence.reference());
    }

    @Test
    void perplexityIsTheSameBesideAReference() {
        Protocol protocol = protocol(64, 20);
        Corpus text = EvaluationText.beginning();
        try (Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama());
                Checkpoint half = Checkpoint.open(pruned());
                LastStates states = LastStates.of(dense, text, protocol, SETTINGS)) {
            Perplexity alone = Perplexity.measure(half, text, protocol, SETTINGS);
            Perplexity beside =
                    Perplexity.measure(half, text, protocol, Optional.of(states), SETTINGS);
            assertEquals(alone.perplexity(), beside.perplexity());
            assertTrue(alone.divergence().isEmpty());
        }
    }

    @Test
    void thePercentileIsTheLeastThatNinetyNineOfHundredDoNotExceed() {
        for (int count : new int[] {1, 2, 99, 100, 101, 250}) {
            float[] values = new float[count];
            for (int i = 0; i < count; i++) {
                values[i] = (i * 7919 % count) / 8f;
            }
            Divergence divergence =
                    Divergence.of(
                            "",
                            List.of(
                                    Arrays.copyOf(values, count / 2),
                                    Arrays.copyOfRange(values, count / 2, count)),
                            count);
            double expected =
                    IntStream.range(0, count)
                            .mapToDouble(i -> values[i])
                            .filter(value -> atMost(values, value) * 100L >= 99L * count)
                            .min()
                            .orElseThrow();
            assertEquals(expected, divergence.percentile99(), "of " + count);
        }
    }

    private static long atMost(float[] values, double limit) {
        return IntStream.range(0, values.length).filter(i -> values[i] <= limit).count();
    }

    @Test
    void aReferenceWithOtherTokensIsRefused() throws IOException {
        Path model = WordModel.of(GoldenFamilies.of("llama3"), directory.resolve("one"));
        Path other = WordModel.of(GoldenFamilies.of("gemma2"), directory.resolve("other"));
        Path tokenizer = other.resolve("tokenizer.json");
        Files.writeString(
                tokenizer,
                Files.readString(tokenizer)
                        .replace("\"w5\": 5", "\"w5\": 6")
                        .replace("\"w6\": 6", "\"w6\": 5"));
        assertRefused("another tokenizer", model, other, text("w5 w6 w7 w8"), protocol(4, 1));
        assertRefused(
                "vocabulary", SharedFiles.tinyLlama(), model, text("w5 w6 w7 w8"), protocol(2, 1));
    }

    private static void assertRefused(
            String reason, Path model, Path reference, Corpus text, Protocol protocol) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Checkpoint other = Checkpoint.open(reference)) {
            var e =
                    assertThrows(
                            InvalidInputException.class,
                            () -> Perplexity.check(checkpoint, text, protocol, Optional.of(other)));
            assertTrue(e.getMessage().contains(reason), e::getMessage);
        }
    }

    private static void checkAgainstNaive(
            Path reference, Path model, Corpus text, Protocol protocol) {
        Divergence divergence = divergence(reference, model, text, protocol);
        double[][] theirs = logProbabilities(reference, text, protocol);
        double[][] own = logProbabilities(model, text, protocol);
        double[] divergences = new double[own.length];
        int same = 0;
        for (int i = 0; i < own.length; i++) {
            for (int token = 0; token < own[i].length; token++) {
                divergences[i] += Math.exp(theirs[i][token]) * (theirs[i][token] - own[i][token]);
            }
            same += highest(own[i]) == highest(theirs[i]) ? 1 : 0;
        }
        double mean = Arrays.stream(divergences).average().orElseThrow();
        Arrays.sort(divergences);
        assertTrue(mean > 0.01, "too near to tell: " + mean);
        assertEquals(mean, divergence.mean(), 1e-4 * mean);
        double percentile = divergences[(int) Math.ceil(0.99 * divergences.length) - 1];
        assertEquals(percentile, divergence.percentile99(), 1e-3 * percentile);
        assertEquals(same / (double) own.length, divergence.sameChoice(), 1e-9);
    }

    private static Divergence divergence(
            Path reference, Path model, Corpus text, Protocol protocol) {
        try (Checkpoint dense = Checkpoint.open(reference);
                Checkpoint other = Checkpoint.open(model);
                LastStates states = LastStates.of(dense, text, protocol, SETTINGS)) {
            return Perplexity.measure(other, text, protocol, Optional.of(states), SETTINGS)
                    .divergence()
                    .orElseThrow();
        }
    }

    /// log softmax of the logits of every token but the last of each window.
    private static double[][] logProbabilities(Path model, Corpus text, Protocol protocol) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Windows windows = EncodedText.of(checkpoint, text, protocol).windows();
            float[] logits = ForwardPass.of(checkpoint, windows, ComputeType.FP32).logits();
            int vocabulary = Families.describe(checkpoint).vocabulary();
            return IntStream.range(0, (int) windows.tokens())
                    .filter(token -> (token + 1) % windows.seqlen() != 0)
                    .mapToObj(token ->
                            logSoftmax(
                                    Arrays.copyOfRange(
                                            logits, token * vocabulary, (token + 1) * vocabulary)))
                    .toArray(double[][]::new);
        }
    }

    private static double[] logSoftmax(float[] logits) {
        double largest =
                IntStream.range(0, logits.length).mapToDouble(i -> logits[i]).max().orElseThrow();
        double sum =
                IntStream.range(0, logits.length)
                        .mapToDouble(i -> Math.exp(logits[i] - largest))
                        .sum();
        return IntStream.range(0, logits.length)
                .mapToDouble(i -> logits[i] - largest - Math.log(sum))
                .toArray();
    }

    private static int highest(double[] values) {
        return IntStream.range(0, values.length)
                .reduce((a, b) -> values[b] > values[a] ? b : a)
                .orElseThrow();
    }

    private Path pruned() {
        return prunedCopy(SharedFiles.tinyLlama());
    }

    private Path prunedCopy(Path model) {
        Path output = directory.resolve("half");
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Pruner.prune(
                    checkpoint,
                    Recipe.DEFAULT.withMethod("magnitude"),
                    Corpus.bundledCalibration(),
                    output,
                    false,
                    SETTINGS);
        }
        return output;
    }

    private static Corpus text(String words) {
        return new Corpus("words", "", List.of(words));
    }

    private static Protocol protocol(int seqlen, int windows) {
        return new Protocol(
                OptionalInt.of(seqlen), OptionalInt.of(windows), Optional.of(ComputeType.FP32));
    }
}
