package org.wanda4j;

import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;

/// How threads of a test wait for each other. Whoever is interrupted meanwhile fails.
public final class Together {

    private Together() {}

    /// Waits until all that `others` is for are there.
    public static void meet(CyclicBarrier others) {
        try {
            others.await();
        } catch (InterruptedException | BrokenBarrierException e) {
            throw new AssertionError(e);
        }
    }

    /// Waits for `latch`.
    public static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /// Gives who should wait for this thread, and does not, the time to be caught.
    public static void spin() {
        for (int i = 0; i < 100_000; i++) {
            Thread.onSpinWait();
        }
    }
}
