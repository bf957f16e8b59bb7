package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Tokenizer;

class SelfWriterTest {

    private static final List<String> BEGINNINGS =
            List.of("The city was built", "In the year", "A second album", "Water is");

    private final AtomicLong counted = new AtomicLong();

    private Corpus write(long tokens, long seed, int threads) {
        return SelfWriter.write(
                SharedFiles.tinyLlama(),
                Corpus.of("beginnings", BEGINNINGS),
                tokens,
                seed,
                threads,
                counted::addAndGet);
    }

    @Test
    void theTextIsTheSameWithAnyNumberOfThreadsAndAnotherWithAnotherSeed() {
        Corpus text = write(800, 5, 1);
        assertEquals(text, write(800, 5, 2));
        assertNotEquals(text, write(800, 6, 1));
    }

    @Test
    void thereAreAsManyTokensAsAreAskedFor() {
        Corpus text = write(9_000, 1, 1);
        assertTrue(counted.get() >= 9_000 && counted.get() < 9_016, counted::toString);
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            int[] lengths =
                    text.documents().stream()
                            .mapToInt(document -> tokenizer.encode(document).length)
                            .toArray();
            // The tokenizer may write a sampled text with fewer tokens than the model did.
            assertEquals(9_000, Arrays.stream(lengths).sum(), 0.15 * 9_000);
            assertTrue(Arrays.stream(lengths).max().orElseThrow() <= 520);
            assertTrue(lengths.length > 20, "more documents than are decoded together");
        }
    }

    @Test
    void eachDocumentBeginsAsOneOfTheGivenOnes() {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            List<String> beginnings =
                    BEGINNINGS.stream()
                            .map(it -> tokenizer.decodeText(Arrays.copyOf(tokenizer.encode(it), 2)))
                            .toList();
            for (String document : write(500, 1, 1).documents()) {
                assertTrue(beginnings.stream().anyMatch(document::startsWith), document);
            }
        }
    }

    @Test
    void aTextWithoutTokensBeginsNone() {
        Corpus empty = Corpus.of("empty", List.of(""));
        assertThrows(
                InvalidInputException.class,
                () -> SelfWriter.write(SharedFiles.tinyLlama(), empty, 10, 1, 1, _ -> {}));
    }
}
