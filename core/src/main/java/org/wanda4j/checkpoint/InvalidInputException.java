package org.wanda4j.checkpoint;

/// Something given from outside cannot be used. The message is one line for the person who gave it:
/// what, where, and what to do.
public final class InvalidInputException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /// An input that is wrong by itself.
    public InvalidInputException(String message) {
        super(message);
    }

    /// An input that another piece of code gave up on.
    public InvalidInputException(String message, Throwable cause) {
        super(message, cause);
    }
}
