package org.wanda4j.runtime;

/// The queue of a model is full.
public final class QueueFullException extends RuntimeException {

    private static final long serialVersionUID = 1;

    QueueFullException(LanguageModel.Load load) {
        super(
                "too many requests: %d are answered and %d wait, keys and values take %,.1f MB of %,.1f; try again later"
                        .formatted(
                                load.running(),
                                load.waiting(),
                                load.cacheBytes() / 1e6,
                                load.cacheLimit() / 1e6));
    }
}
