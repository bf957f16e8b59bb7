package org.wanda4j.serve;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/// How long a caller may not read what is sent to it: the JDK's server would wait for ever.
///
/// A write that takes longer is interrupted, which closes its connection; the thread stays interrupted. Each call has a thread
/// of its own, so nobody else hears of it.
final class WriteLimit implements AutoCloseable {

    private static final int PIECE = 1 << 16; // bytes that have to be read within the limit

    private final Duration limit;
    private final ScheduledThreadPoolExecutor clock =
            new ScheduledThreadPoolExecutor(
                    1, Thread.ofPlatform().name("wanda-write-limit").daemon().factory());

    WriteLimit(Duration limit) {
        this.limit = limit;
        clock.setRemoveOnCancelPolicy(true);
    }

    /// What writes.
    @FunctionalInterface
    interface Writing {
        void run() throws IOException;
    }

    /// Writes `bytes`, each 64 KiB of them within the limit.
    ///
    /// @throws IOException when the caller left, or does not read
    void write(OutputStream out, byte[] bytes) throws IOException {
        for (int at = 0; at < bytes.length; at += PIECE) {
            int from = at;
            run(() -> out.write(bytes, from, Math.min(PIECE, bytes.length - from)));
        }
    }

    /// Runs what writes a little, within the limit.
    ///
    /// @throws IOException when the caller left, or does not read
    void run(Writing writing) throws IOException {
        Future<?> end =
                clock.schedule(
                        Thread.currentThread()::interrupt, limit.toNanos(), TimeUnit.NANOSECONDS);
        try {
            writing.run();
        } finally {
            end.cancel(false);
        }
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }
}
