package org.wanda4j.runtime;

/// More texts wait than a model was told to let wait.
public final class QueueFullException extends RuntimeException {

    private static final long serialVersionUID = 1;

    QueueFullException() {
        super("too many requests wait; try again later");
    }
}
