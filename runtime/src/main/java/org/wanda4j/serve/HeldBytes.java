package org.wanda4j.serve;

import java.util.concurrent.atomic.AtomicLong;

/// Heap that the log probabilities of completions take that are not streamed, from their first token until they are sent. All
/// completions of a server share it.
final class HeldBytes {

    private final long most;
    private final AtomicLong taken = new AtomicLong();

    /// @param most bytes that may be taken at the same time
    HeldBytes(long most) {
        this.most = most;
    }

    /// Takes bytes, until they are given back.
    ///
    /// @throws ApiException with status 503 where so many are not left; none is taken then
    void take(long bytes) {
        if (taken.addAndGet(bytes) > most) {
            taken.addAndGet(-bytes);
            throw ApiException.ofServer(
                    503,
                    "log probabilities of answers that are sent whole take %,d bytes, all that they may: with 'stream' they are sent as they come"
                            .formatted(most));
        }
    }

    void giveBack(long bytes) {
        taken.addAndGet(-bytes);
    }

    long taken() {
        return taken.get();
    }

    long most() {
        return most;
    }
}
