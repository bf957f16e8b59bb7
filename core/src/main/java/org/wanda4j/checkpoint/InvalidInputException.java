package org.wanda4j.checkpoint;

import java.util.regex.Pattern;

/// Something from outside (a file, a setting) cannot be used. The message is one line for the person
/// who gave it: it names the thing, what is wrong with it, and the mend where there is one.
///
/// Names in it come from outside too: line ends and what else a terminal would obey become spaces, and what is longer
/// than anyone reads is cut.
public final class InvalidInputException extends RuntimeException {

    private static final long serialVersionUID = 1L;
    private static final int LONGEST = 1500;

    /// Control characters, invisible ones that change the direction of text, and Unicode's own line ends.
    private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]+");

    /// What is wrong, in one line.
    public InvalidInputException(String message) {
        super(oneLine(message));
    }

    /// What is wrong, in one line, and what it was noticed by.
    public InvalidInputException(String message, Throwable cause) {
        super(oneLine(message), cause);
    }

    private static String oneLine(String text) {
        String line = UNPRINTABLE.matcher(text).replaceAll(" ");
        return line.length() <= LONGEST ? line : line.substring(0, LONGEST) + "...";
    }
}
