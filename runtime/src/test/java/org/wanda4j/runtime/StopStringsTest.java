package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

class StopStringsTest {

    @Test
    void stopTextsAreHeldBackAndCutOff() {
        var stops = new StopStrings(List.of("END", "\n\n"));
        assertEquals("one ", stops.append("one E"));
        assertEquals("Exit ", stops.append("xit "));
        assertEquals("", stops.append("\n"));
        assertEquals("\ntwo ", stops.append("two EN"));
        assertEquals("", stops.append("D three"));
        assertEquals(true, stops.stopped());
        assertEquals("", stops.append("four") + stops.finish());
        var open = new StopStrings(List.of("END"));
        assertEquals("", open.append("EN"));
        assertEquals("EN", open.finish());
    }

    /// Of two letters, so that ends overlap and begin anew.
    @RepeatedTest(200)
    void textEndsWhereAStopStringIsFirstComplete(RepetitionInfo repetition) {
        var random = new Random(repetition.getCurrentRepetition());
        List<String> strings =
                IntStream.rangeClosed(1, 1 + random.nextInt(3))
                        .mapToObj(_ -> letters(random, 2 + random.nextInt(5)))
                        .toList();
        String text = letters(random, 40);
        var stops = new StopStrings(strings);
        var passed = new StringBuilder();
        for (int i = 0; i < text.length(); ) {
            int to = Math.min(text.length(), i + 1 + random.nextInt(4));
            passed.append(stops.append(text.substring(i, to)));
            i = to;
        }
        passed.append(stops.finish());
        Optional<String> cut = cut(text, strings);
        assertEquals(cut.isPresent(), stops.stopped());
        assertEquals(cut.orElse(text), passed.toString());
    }

    private static Optional<String> cut(String text, List<String> strings) {
        for (int end = 1; end <= text.length(); end++) {
            String begun = text.substring(0, end);
            int longest =
                    strings.stream()
                            .filter(begun::endsWith)
                            .mapToInt(String::length)
                            .max()
                            .orElse(0);
            if (longest > 0) {
                return Optional.of(begun.substring(0, end - longest));
            }
        }
        return Optional.empty();
    }

    private static String letters(Random random, int count) {
        return random.ints(count, 'a', 'c')
                .mapToObj(letter -> String.valueOf((char) letter))
                .collect(Collectors.joining());
    }
}
