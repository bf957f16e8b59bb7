package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;

class WindowsTest {

    private static final OptionalInt ALL = OptionalInt.empty();

    @Property
    void nonOverlappingWindowsAreTheStreamWithoutItsTail(
            @ForAll @IntRange(min = 1, max = 500) int length,
            @ForAll @IntRange(min = 1, max = 40) int seqlen) {
        int[] stream = IntStream.range(0, length).toArray();
        if (length < seqlen) {
            assertThrows(
                    InvalidInputException.class,
                    () -> Windows.nonOverlapping("the text", stream, seqlen, ALL));
            return;
        }
        Windows windows = Windows.nonOverlapping("the text", stream, seqlen, ALL);
        assertArrayEquals(
                Arrays.copyOf(stream, length - length % seqlen),
                windows.ids().stream().flatMapToInt(Arrays::stream).toArray());
        assertEquals(length / seqlen, windows.count());
        assertEquals((long) windows.count() * seqlen, windows.tokens());
    }

    @Test
    void aLimitKeepsTheFirstWindows() {
        int[] stream = {4, 9, 2, 7, 1};
        Windows windows = Windows.nonOverlapping("the text", stream, 2, OptionalInt.of(1));
        assertEquals(1, windows.count());
        assertArrayEquals(new int[] {4, 9}, windows.ids().getFirst());
        assertEquals(9, windows.maxId());
        assertEquals(2, Windows.nonOverlapping("the text", stream, 2, OptionalInt.of(7)).count());
    }

    @Test
    void aTextThatIsTooShortIsNamed() {
        var corpus = new Corpus("note.txt", "", List.of("Hello, world!"));
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            var failure =
                    assertThrows(
                            InvalidInputException.class,
                            () -> Windows.ofText(corpus, tokenizer, 2048, ALL));
            assertEquals(
                    "note.txt has 6 tokens, fewer than one window of 2,048:"
                            + " give more text or a smaller --seqlen",
                    failure.getMessage());
        }
    }

    /// The first ids of `forward.safetensors` of the golden results.
    @Test
    void theEvaluationStreamBeginsAsTheReferenceSawIt() {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            Windows windows =
                    Windows.ofText(Corpus.bundledEvaluation(), tokenizer, 256, OptionalInt.of(40));
            assertEquals(40, windows.count());
            assertArrayEquals(
                    new int[] {358, 379, 1555, 84, 354, 285, 76, 357, 358, 345, 379, 1555},
                    Arrays.copyOf(windows.ids().getFirst(), 12));
            assertTrue(windows.maxId() < tokenizer.vocabularySize());
        }
    }

    @Test
    void lengthsMustBePositiveAndEqual() {
        int[] stream = {1, 2};
        assertThrows(
                InvalidInputException.class,
                () -> Windows.nonOverlapping("the text", stream, 0, ALL));
        assertThrows(
                InvalidInputException.class,
                () -> Windows.nonOverlapping("the text", stream, 1, OptionalInt.of(0)));
        assertThrows(IllegalArgumentException.class, () -> new Windows(3, List.of(stream)));
    }
}
