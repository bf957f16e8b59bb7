package org.wanda4j.hub;

import org.wanda4j.checkpoint.InvalidInputException;

/// The hub does not answer, or has a fault that may pass: what is in the cache can stand in.
final class UnavailableException extends Exception {

    private static final long serialVersionUID = 1L;

    private final InvalidInputException failure;

    /// @param failure for the case that nothing can
    UnavailableException(InvalidInputException failure) {
        super(failure);
        this.failure = failure;
    }

    InvalidInputException failure() {
        return failure;
    }
}
