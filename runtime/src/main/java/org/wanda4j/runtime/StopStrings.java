package org.wanda4j.runtime;

import java.util.List;

/// Passes text on up to the first stop string; holds back an end that may be the beginning of one.
final class StopStrings {

    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean stopped;

    StopStrings(List<String> stops) {
        this.stops = stops;
    }

    /// Appends text.
    ///
    /// @return the text that is not part of a stop string
    String append(String piece) {
        if (stopped) {
            return "";
        }
        held.append(piece);
        int end = Integer.MAX_VALUE;
        for (String stop : stops) {
            int at = held.indexOf(stop);
            if (at >= 0) {
                end = Math.min(end, at);
            }
        }
        if (end < Integer.MAX_VALUE) {
            stopped = true;
            return take(end);
        }
        return take(held.length() - longestPartialMatch());
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

    /// Length of the longest suffix of the text that is a prefix of a stop string.
    private int longestPartialMatch() {
        int longest = 0;
        for (String stop : stops) {
            for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
                if (stop.startsWith(held.substring(held.length() - n))) {
                    longest = n;
                }
            }
        }
        return longest;
    }
}
