package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.ReferenceSampler.Pick;

class CalibrationSamplerTest {

    /// A tokenizer for the samplers' own properties: a character is a token.
    private static final Function<String, int[]> CHARACTERS = text -> text.chars().toArray();

    @Test
    void referencePicksWhatThePublishedCodePickedForTheTinyModel() {
        assertPicks("tiny-windows.json", SharedFiles.tinyLlama(), 128);
    }

    @Test
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void referencePicksWhatThePublishedCodePickedForSmolLm2() {
        assertPicks(
                "smollm2-windows.json", SharedFiles.shared("models/smollm2-135m-instruct"), 256);
    }

    private static void assertPicks(String golden, Path model, int seqlen) {
        List<Pick> expected =
                Golden.read(golden)
                        .valueStream()
                        .map(pick -> new Pick(pick.get(0).intValue(), pick.get(1).intValue()))
                        .toList();
        Corpus corpus = Corpus.bundledCalibration();
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            var sampler = new ReferenceSampler(corpus, tokenizer::encode, seqlen, 0);
            assertEquals(expected, sampler.picks(expected.size()));
            Pick last = expected.getLast();
            int[] document = tokenizer.encode(corpus.documents().get(last.document()));
            assertArrayEquals(
                    Arrays.copyOfRange(document, last.offset(), last.offset() + seqlen),
                    CalibrationSampler.REFERENCE
                            .sample(corpus, tokenizer, expected.size(), seqlen, 0)
                            .ids()
                            .getLast());
        }
    }

    @Test
    void referenceGivesUpWhenNoDocumentIsLongEnough() {
        Corpus corpus = corpus("a", "bbb", "cc");
        assertEquals(
                "reference: no document of test is longer than 3 tokens (the longest has 3):"
                        + " use the packed sampler, give longer documents or a smaller --seqlen",
                failure(() -> new ReferenceSampler(corpus, CHARACTERS, 3, 0).sample(1)));
        assertEquals(1, new ReferenceSampler(corpus, CHARACTERS, 2, 0).sample(1).count());
    }

    @Test
    void referenceTokenisesADocumentOnce() {
        var calls = new AtomicInteger();
        Function<String, int[]> counting =
                text -> {
                    calls.incrementAndGet();
                    return CHARACTERS.apply(text);
                };
        var corpus = corpus("short", "a document that is long enough");
        new ReferenceSampler(corpus, counting, 8, 7).sample(1000);
        assertEquals(2, calls.get());
    }

    @Property
    void packedLosesNothingBetweenDocuments(
            @ForAll @Size(min = 1, max = 12) List<@IntRange(max = 30) Integer> lengths,
            @ForAll @IntRange(min = 1, max = 17) int seqlen,
            @ForAll long seed) {
        var corpus = distinct(lengths);
        int total = lengths.stream().mapToInt(Integer::intValue).sum();
        int windows = total / seqlen;
        if (windows == 0) {
            failure(() -> new PackedSampler(corpus, CHARACTERS, seqlen, seed).sample(1));
            return;
        }
        int[] stream =
                new PackedSampler(corpus, CHARACTERS, seqlen, seed)
                        .sample(windows).ids().stream().flatMapToInt(Arrays::stream).toArray();
        // Every character occurs once in such a corpus, and documents are runs of successive ones.
        var seen = new HashSet<Integer>();
        assertTrue(Arrays.stream(stream).allMatch(seen::add));
        var starts = new HashSet<Integer>();
        corpus.documents().stream()
                .filter(d -> !d.isEmpty())
                .forEach(d -> starts.add((int) d.charAt(0)));
        for (int i = 1; i < stream.length; i++) {
            assertTrue(stream[i] == stream[i - 1] + 1 || starts.contains(stream[i]));
        }
        assertTrue(starts.contains(stream[0]));
    }

    @Test
    void packedTakesTheWholeCorpusInTheOrderOfItsSeed() {
        // Python: random.seed(3); order = [0, 1, 2, 3]; random.shuffle(order) gives [3, 0, 2, 1].
        Corpus corpus = corpus("ab", "cde", "f", "gh");
        Windows windows = new PackedSampler(corpus, CHARACTERS, 4, 3).sample(2);
        assertEquals("ghabfcde", text(windows));
    }

    @Test
    void packedStopsTokenisingWhenItHasEnough() {
        var calls = new AtomicInteger();
        var corpus = corpus("aaaa", "bbbb", "cccc", "dddd");
        Function<String, int[]> counting =
                text -> {
                    calls.incrementAndGet();
                    return CHARACTERS.apply(text);
                };
        new PackedSampler(corpus, counting, 3, 0).sample(2);
        assertEquals(2, calls.get());
    }

    @Test
    void packedSaysHowMuchTextItLacks() {
        assertEquals(
                "packed: 128 windows of 2,048 tokens need 262,144 tokens; test has 5:"
                        + " give more text, fewer --windows or a smaller --seqlen",
                failure(() ->
                        new PackedSampler(corpus("ab", "cde"), CHARACTERS, 2048, 0).sample(128)));
    }

    @Test
    void packedWorksOnTheBundledText() {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            Corpus corpus = Corpus.bundledCalibration();
            Windows first = CalibrationSampler.PACKED.sample(corpus, tokenizer, 4, 512, 0);
            Windows again = CalibrationSampler.PACKED.sample(corpus, tokenizer, 4, 512, 0);
            assertEquals(2048, first.tokens());
            for (int w = 0; w < 4; w++) {
                assertArrayEquals(first.ids().get(w), again.ids().get(w));
            }
        }
    }

    @Test
    void windowsAndSeqlenMustBePositive() {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            for (CalibrationSampler sampler : CalibrationSampler.values()) {
                for (int[] bad : new int[][] {{0, 8}, {8, 0}}) {
                    var failure =
                            assertThrows(
                                    InvalidInputException.class,
                                    () ->
                                            sampler.sample(
                                                    corpus("a"), tokenizer, bad[0], bad[1], 0));
                    assertTrue(failure.getMessage().endsWith("must be at least 1, got 0"));
                }
            }
        }
    }

    private static String failure(org.junit.jupiter.api.function.Executable code) {
        return assertThrows(InvalidInputException.class, code).getMessage();
    }

    private static Corpus corpus(String... documents) {
        return new Corpus("test", "", List.of(documents));
    }

    private static Corpus distinct(List<Integer> lengths) {
        var next = new AtomicInteger(1000);
        return new Corpus(
                "test",
                "",
                lengths.stream()
                        .map(length -> {
                            String text =
                                    text(
                                            IntStream.range(0, length)
                                                    .map(i -> next.getAndIncrement()));
                            next.incrementAndGet(); // no document continues another
                            return text;
                        })
                        .toList());
    }

    private static String text(Windows windows) {
        return text(windows.ids().stream().flatMapToInt(Arrays::stream));
    }

    private static String text(IntStream characters) {
        return characters
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }
}
