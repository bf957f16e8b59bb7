package org.wanda4j.runtime;

import java.util.List;

/// Lets text through until one of the stop texts occurs; holds back what may be the beginning of one.
final class StopTexts {

    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean stopped;

    StopTexts(List<String> stops) {
        this.stops = stops;
    }

    /// Takes a piece of text.
    ///
    /// @return what is certain not to be part of a stop text
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
        return take(held.length() - longestBeginning());
    }

    /// Whether one has occurred.
    boolean stopped() {
        return stopped;
    }

    /// What was held back, where the text ends without a stop text.
    String finish() {
        return stopped ? "" : take(held.length());
    }

    private String take(int count) {
        String text = held.substring(0, count);
        held.delete(0, count);
        return text;
    }

    /// Length of the longest end of the text with which a stop text begins.
    private int longestBeginning() {
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
