package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.Generation.FinishReason;

class LanguageModelTest {

    private static final Sampling GREEDY = Sampling.GREEDY.withMaxTokens(24);
    private static final Sampling LONG = Sampling.GREEDY.withMaxTokens(10_000);
    private static final List<String> PROMPTS =
            List.of("The king", "In the year 1900", "A", "She was born in London and");

    @Test
    void textsThatRunTogetherAreThoseThatRunAlone() {
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama())) {
            List<String> alone =
                    PROMPTS.stream()
                            .map(prompt -> model.generate(prompt, GREEDY, _ -> {}).text())
                            .toList();
            List<CompletableFuture<String>> together = new ArrayList<>();
            for (String prompt : PROMPTS) {
                together.add(
                        CompletableFuture.supplyAsync(
                                () -> model.generate(prompt, GREEDY, _ -> {}).text(),
                                task -> Thread.ofVirtual().start(task)));
            }
            assertEquals(alone, together.stream().map(CompletableFuture::join).toList());
        }
    }

    @Test
    void piecesMakeTheTextAndItsFiguresAreTrue() {
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama())) {
            List<String> pieces = new ArrayList<>();
            Generation generation = model.generate("The king", GREEDY, pieces::add);
            assertEquals(generation.text(), String.join("", pieces));
            assertEquals(
                    generation.text(),
                    model.stream("The king", GREEDY).collect(Collectors.joining()));
            assertTrue(generation.tokens() <= 24);
            assertTrue(generation.secondsToFirst() <= generation.seconds());
            assertEquals(FinishReason.LENGTH, generation.finish());
        }
    }

    @Test
    void aPromptThatDoesNotFitIsRefused() {
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama())) {
            String longest = "word ".repeat(model.context());
            assertThrows(InvalidInputException.class, () -> model.generate("", GREEDY, _ -> {}));
            assertThrows(
                    InvalidInputException.class, () -> model.generate(longest, GREEDY, _ -> {}));
        }
    }

    @Test
    void whatTheMemoryCanNeverHoldIsRefusedWithTheFigure() {
        var settings = new LanguageModel.Settings(1, 1, 0, 0, 100_000);
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama(), settings)) {
            assertEquals(64, model.context());
            assertEquals(98_304, model.load().cacheLimit());
            assertEquals(24, model.generate("The king", GREEDY, _ -> {}).tokens());
            var refused =
                    assertThrows(
                            InvalidInputException.class,
                            () -> model.generate("The king", GREEDY.withMaxTokens(64), _ -> {}));
            assertTrue(
                    refused.getMessage()
                            .contains("may take 0.1 MB (--cache-memory), room for 64 tokens"),
                    refused.getMessage());
        }
        var tooSmall = new LanguageModel.Settings(1, 1, 0, 0, 1000);
        assertThrows(
                InvalidInputException.class,
                () -> LanguageModel.open(SharedFiles.tinyLlama(), tooSmall));
    }

    @Test
    void aFullQueueRefuses() {
        var settings = new LanguageModel.Settings(1, 1, 0);
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama(), settings);
                var _ = HeldGeneration.of(model)) {
            assertThrows(QueueFullException.class, () -> model.generate("A", GREEDY, _ -> {}));
        }
    }

    @Test
    void whatIsCancelledEndsAndGivesItsMemoryBack() throws InterruptedException {
        var settings = new LanguageModel.Settings(1, 2, 1);
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama(), settings);
                HeldGeneration held = HeldGeneration.of(model)) {
            TokenStream running = start(model, LONG);
            held.turn();
            held.turn();
            TokenStream waiting = start(model, LONG);
            assertEquals(2, model.load().running());
            assertEquals(1, model.load().waiting());
            assertTrue(model.load().cacheBytes() > 0);
            waiting.cancel();
            assertEquals(FinishReason.CANCELLED, end(waiting).finish());
            running.cancel();
            held.letGo();
            assertEquals(FinishReason.CANCELLED, end(running).finish());
            assertEquals(FinishReason.CANCELLED, end(running).finish());
            held.awaitEnd();
            assertEquals(0, model.load().running() + model.load().waiting());
            assertEquals(0, model.load().cacheBytes());
        }
    }

    @Test
    void whatBeginsLikeATextBeforeGoesOnFromThere() {
        String beginning = "She was born in London and lived in a house near the river with her";
        var keeps = new LanguageModel.Settings(1, 2, 2, 2, 1_000_000_000);
        try (LanguageModel plain = LanguageModel.open(SharedFiles.tinyLlama());
                LanguageModel keeping = LanguageModel.open(SharedFiles.tinyLlama(), keeps)) {
            String first = keeping.generate(beginning, GREEDY, _ -> {}).text();
            long kept = keeping.load().cacheBytes();
            assertTrue(kept > 0);
            for (String next :
                    List.of(beginning, beginning + first + " And", beginning + " mother", "I")) {
                assertEquals(
                        plain.generate(next, GREEDY, _ -> {}).text(),
                        keeping.generate(next, GREEDY, _ -> {}).text(),
                        next);
            }
            assertTrue(keeping.load().cacheBytes() <= 2 * 2 * kept);
        }
    }

    @Test
    void nobodyWaitsForAReaderWhoIsSlow() {
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama());
                TokenStream unread = start(model, GREEDY)) {
            String alone = model.generate(PROMPTS.getFirst(), GREEDY, _ -> {}).text();
            assertEquals(alone, end(unread).text());
        }
    }

    @Test
    void anAnswerWaitsForAReaderWhoIsFarBehind() {
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama())) {
            int[] prompt = model.tokens(PROMPTS.getFirst());
            OptionalInt all = OptionalInt.of(model.vocabulary());
            Sampling some = GREEDY.withMaxTokens(200);
            try (TokenStream unread = model.start(prompt, some, all)) {
                assertEquals(FinishReason.LENGTH, model.generate("A", LONG, _ -> {}).finish());
                assertEquals(1, model.load().running());
                assertEquals(200, end(unread).tokens());
            }
        }
    }

    @Test
    void aReaderThatFailsEndsItsOwnAnswerOnly() {
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama());
                TokenStream other = start(model, GREEDY)) {
            var thrown =
                    assertThrows(
                            IllegalStateException.class,
                            () ->
                                    model.generate(
                                            "The king",
                                            LONG,
                                            _ -> {
                                                throw new IllegalStateException("mine");
                                            }));
            assertEquals("mine", thrown.getMessage());
            assertEquals(FinishReason.LENGTH, end(other).finish());
        }
    }

    @Test
    void anInterruptedReaderGetsWhatThereIs() {
        var settings = new LanguageModel.Settings(1, 1, 1);
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama(), settings);
                var _ = HeldGeneration.of(model)) {
            Thread.currentThread().interrupt();
            Generation generation = model.generate("The king", LONG, _ -> {});
            assertTrue(Thread.interrupted());
            assertEquals(FinishReason.CANCELLED, generation.finish());
        }
    }

    @Test
    void tokensTellHowLikelyTheyWere() {
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama())) {
            int[] prompt = model.tokens("The king");
            List<ScoredToken> tokens = new ArrayList<>();
            var text = new StringBuilder();
            try (TokenStream answer =
                    model.start(prompt, GREEDY, OptionalInt.of(model.vocabulary()))) {
                while (answer.next() instanceof TokenStream.Chunk piece) {
                    tokens.addAll(piece.tokens());
                    text.append(piece.text());
                }
                assertEquals(end(answer).text(), text.toString());
                assertEquals(end(answer).tokens(), tokens.size());
            }
            assertEquals(
                    text.toString(),
                    tokens.stream().map(ScoredToken::text).collect(Collectors.joining()));
            for (ScoredToken token : tokens) {
                assertEquals(token.id(), token.alternatives().getFirst().id());
                double sum =
                        token.alternatives().stream()
                                .mapToDouble(each -> Math.exp(each.logProbability()))
                                .sum();
                assertEquals(1, sum, 1e-6);
            }
        }
    }

    private static TokenStream start(LanguageModel model, Sampling sampling) {
        return model.start(model.tokens(PROMPTS.getFirst()), sampling, OptionalInt.empty());
    }

    private static Generation end(TokenStream answer) {
        while (true) {
            if (answer.next() instanceof Generation generation) {
                return generation;
            }
        }
    }
}
