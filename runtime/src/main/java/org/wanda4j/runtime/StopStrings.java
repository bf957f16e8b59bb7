package org.wanda4j.runtime;

import java.util.List;

/// Passes text on up to the first end of a stop string; holds back an end that may be the beginning of one.
///
/// Each is looked for by the algorithm of Knuth, Morris and Pratt, so that the time is proportional to the text, however long
/// or repetitive the stop strings are.
final class StopStrings {

    private final List<Matcher> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean stopped;

    StopStrings(List<String> stops) {
        this.stops = stops.stream().map(Matcher::new).toList();
    }

    /// Appends text.
    ///
    /// @return the text that is not part of a stop string
    String append(String piece) {
        for (int i = 0; i < piece.length() && !stopped; i++) {
            held.append(piece.charAt(i));
            int stop = 0;
            for (Matcher matcher : stops) {
                if (matcher.completes(piece.charAt(i))) {
                    stop = Math.max(stop, matcher.length());
                }
            }
            if (stop > 0) {
                stopped = true;
                return take(held.length() - stop);
            }
        }
        int partial = stops.stream().mapToInt(Matcher::matched).max().orElse(0);
        return stopped ? "" : take(held.length() - partial);
    }

    /// Whether a stop string has occurred.
    boolean stopped() {
        return stopped;
    }

    /// The text that was held back, where no stop string has occurred.
    String finish() {
        return stopped ? "" : take(held.length());
    }

    private String take(int count) {
        String text = held.substring(0, count);
        held.delete(0, count);
        return text;
    }

    /// Looks for a string in a text that comes character by character.
    private static final class Matcher {

        private final String stop;

        /// Of the first `n` characters, the longest end but themselves that they begin with too.
        private final int[] borders;

        /// The longest end of the text that the string begins with.
        private int matched;

        Matcher(String stop) {
            this.stop = stop;
            this.borders = new int[stop.length() + 1];
            for (int n = 1; n < stop.length(); n++) {
                borders[n + 1] = next(borders[n], stop.charAt(n));
            }
        }

        int length() {
            return stop.length();
        }

        int matched() {
            return matched;
        }

        /// Whether the string ends with the next character of the text.
        boolean completes(char next) {
            matched = next(matched, next);
            return matched == stop.length();
        }

        private int next(int before, char next) {
            int n = before;
            while (n > 0 && (n == stop.length() || stop.charAt(n) != next)) {
                n = borders[n];
            }
            return n < stop.length() && stop.charAt(n) == next ? n + 1 : n;
        }
    }
}
