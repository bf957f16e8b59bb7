package org.wanda4j.checkpoint;

import java.util.regex.Pattern;

/// An input (a file, a setting) is invalid. The message is one line for the user: it names the input, what is wrong with it, and the
/// mend where there is one.
///
/// The message quotes names from the input: control characters and line ends become spaces, and a long message is cut.
public final class InvalidInputException extends RuntimeException {

    private static final long serialVersionUID = 1L;
    private static final int LONGEST = 1500;

    /// Control characters, invisible ones that change the direction of text, and Unicode's own line ends.
    private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]+");

    /// @param message what is wrong, in one line
    public InvalidInputException(String message) {
        super(oneLine(message));
    }

    /// @param message what is wrong, in one line
    public InvalidInputException(String message, Throwable cause) {
        super(oneLine(message), cause);
    }

    private static String oneLine(String text) {
        String line = UNPRINTABLE.matcher(text).replaceAll(" ");
        return line.length() <= LONGEST ? line : line.substring(0, LONGEST) + "...";
    }
}
