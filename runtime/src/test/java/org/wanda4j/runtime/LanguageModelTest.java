package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.wanda4j.SharedFiles;
import org.wanda4j.runtime.Generation.Finish;

class LanguageModelTest {

    private static final Sampling GREEDY = Sampling.GREEDY.withMaxTokens(24);
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
            assertEquals(Finish.LENGTH, generation.finish());
        }
    }

    @Test
    void aPromptThatDoesNotFitIsRefused() {
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama())) {
            String longest = "word ".repeat(model.context());
            for (String prompt : List.of("", longest)) {
                assertThrows(
                        IllegalArgumentException.class,
                        () -> model.generate(prompt, GREEDY, _ -> {}));
            }
        }
    }

    @Test
    void aFullQueueRefuses() {
        var settings = new LanguageModel.Settings(1, 1, 0);
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama(), settings)) {
            assertThrows(QueueFullException.class, () -> model.generate("A", GREEDY, _ -> {}));
        }
    }
}
