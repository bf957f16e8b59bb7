package org.wanda4j.threads;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;

/// Waiting for threads to their end, whatever interrupts, and throwing what one threw in another.
public final class Threads {

    private Threads() {}

    /// A wait that an interruption ends early.
    private interface Wait {

        /// @return whether what is waited for has happened
        boolean poll() throws InterruptedException;
    }

    /// Shuts `pool` down and waits until its tasks are done. The calling thread stays interrupted if it was.
    public static void finish(ExecutorService pool) {
        pool.shutdown();
        uninterruptibly(() -> pool.awaitTermination(1, TimeUnit.DAYS));
    }

    /// Waits until `thread` has ended. The calling thread stays interrupted if it was.
    public static void join(Thread thread) {
        uninterruptibly(() -> {
            thread.join();
            return true;
        });
    }

    private static void uninterruptibly(Wait wait) {
        boolean ended = false;
        boolean interrupted = false;
        while (!ended) {
            try {
                ended = wait.poll();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /// Throws `failure` as it is.
    ///
    /// @throws IllegalStateException with `failure` as its cause, where that is a checked exception
    public static RuntimeException rethrow(Throwable failure) {
        switch (failure) {
            case Error error -> throw error;
            case RuntimeException exception -> throw exception;
            default -> throw new IllegalStateException(failure);
        }
    }
}
