package org.wanda4j.threads;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;

/// How threads end, and what was thrown in one is thrown in another.
public final class Threads {

    private Threads() {}

    /// Has `pool` take nothing more, and waits until what it was given is done.
    public static void finish(ExecutorService pool) {
        pool.shutdown();
        boolean ended = false;
        boolean interrupted = false;
        while (!ended) {
            try {
                ended = pool.awaitTermination(1, TimeUnit.DAYS);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /// Throws `failure` as it is, which work threw that throws nothing checked.
    public static RuntimeException rethrow(Throwable failure) {
        switch (failure) {
            case Error error -> throw error;
            case RuntimeException exception -> throw exception;
            default -> throw new IllegalStateException(failure);
        }
    }
}
