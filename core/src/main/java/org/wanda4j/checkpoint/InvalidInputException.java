package org.wanda4j.checkpoint;

/// Something from outside (a file, a setting) cannot be used. The message is one line for the person
/// who gave it: it names the thing, what is wrong with it, and the mend where there is one.
public final class InvalidInputException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /// What is wrong, in one line.
    public InvalidInputException(String message) {
        super(message);
    }

    /// What is wrong, in one line, and what it was noticed by.
    public InvalidInputException(String message, Throwable cause) {
        super(message, cause);
    }
}
