package org.wanda4j.serve;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/// A timeout for writing to clients, which the JDK's server does not have.
///
/// A write that takes longer is interrupted, which closes its connection; the thread stays interrupted. Each exchange has a thread
/// of its own.
final class WriteTimeout implements AutoCloseable {

    private static final int PIECE = 1 << 16; // bytes to which the timeout applies

    private final Duration timeout;
    private final ScheduledThreadPoolExecutor timer =
            new ScheduledThreadPoolExecutor(
                    1, Thread.ofPlatform().name("wanda-write-limit").daemon().factory());

    WriteTimeout(Duration timeout) {
        this.timeout = timeout;
        timer.setRemoveOnCancelPolicy(true);
    }

    /// An operation that writes.
    @FunctionalInterface
    interface Operation {
        void run() throws IOException;
    }

    /// Writes `bytes`, with the timeout for each 64 KiB of them.
    ///
    /// @throws IOException when the client disconnected, or does not read
    void write(OutputStream out, byte[] bytes) throws IOException {
        for (int at = 0; at < bytes.length; at += PIECE) {
            int from = at;
            run(() -> out.write(bytes, from, Math.min(PIECE, bytes.length - from)));
        }
    }

    /// `out`, with the timeout for each of its operations.
    OutputStream limit(OutputStream out) {
        return new OutputStream() {

            @Override
            public void write(int value) throws IOException {
                run(() -> out.write(value));
            }

            @Override
            public void write(byte[] bytes, int from, int length) throws IOException {
                run(() -> out.write(bytes, from, length));
            }

            @Override
            public void flush() throws IOException {
                run(out::flush);
            }

            @Override
            public void close() throws IOException {
                run(out::close);
            }
        };
    }

    /// Runs an operation with the timeout.
    ///
    /// @throws IOException when the client disconnected, or does not read
    void run(Operation operation) throws IOException {
        Future<?> interruption =
                timer.schedule(
                        Thread.currentThread()::interrupt, timeout.toNanos(), TimeUnit.NANOSECONDS);
        try {
            operation.run();
        } finally {
            interruption.cancel(false);
        }
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
