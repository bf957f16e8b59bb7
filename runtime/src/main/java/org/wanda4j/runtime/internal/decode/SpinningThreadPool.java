package org.wanda4j.runtime.internal.decode;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.wanda4j.threads.Threads;

/// Threads that run one task at a time together, with a barrier behind each.
///
/// The matrices of a small model take microseconds each, less than waking a thread takes: threads that wait spin for a while before
/// they sleep. One thread at a time may call [#run].
final class SpinningThreadPool implements AutoCloseable {

    private static final VarHandle EPOCH;

    static {
        try {
            EPOCH =
                    MethodHandles.lookup()
                            .findVarHandle(SpinningThreadPool.class, "epoch", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final int SPINS_BEFORE_SLEEP = 400_000;
    private static final int SPINS_BETWEEN_PAUSES = 256;
    private static final int SPINS_BETWEEN_YIELDS = 1 << 15;
    private static final int CALLER_SLEEP_NANOS = 20_000;

    /// A task, run once by each thread.
    @FunctionalInterface
    interface Task {
        /// @param thread from 0 to [#size()], exclusive
        void run(int thread);
    }

    /// A task for one of several items.
    @FunctionalInterface
    interface ItemTask {
        /// @param thread from 0 to [#size()], exclusive
        void run(int thread, int item);
    }

    private final Worker[] workers;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private Task task = _ -> {};

    /// Number of the current task; its release publishes [#task].
    private volatile long epoch;

    private volatile boolean closed;

    private final class Worker extends Thread {

        private final int number;

        /// The last epoch whose task it has run.
        private volatile long done;

        private volatile boolean asleep;

        Worker(int number) {
            super("wanda-decoder-" + number);
            this.number = number;
            setDaemon(true);
        }

        @Override
        public void run() {
            for (long next = 1; await(next); next++) {
                try {
                    task.run(number);
                } catch (RuntimeException | Error e) {
                    failure.compareAndSet(null, e);
                } finally {
                    done = next;
                }
            }
        }

        private boolean await(long next) {
            for (int spins = 0; epoch < next && !closed; spins++) {
                if (spins < SPINS_BEFORE_SLEEP) {
                    pause(spins);
                } else {
                    asleep = true;
                    if (epoch < next && !closed) {
                        LockSupport.park(SpinningThreadPool.this);
                    }
                    asleep = false;
                }
            }
            return !closed;
        }

        void wake() {
            if (asleep) {
                LockSupport.unpark(this);
            }
        }
    }

    /// @param size number of threads, the caller's included
    SpinningThreadPool(int size) {
        workers = new Worker[size - 1];
        Arrays.setAll(workers, i -> new Worker(i + 1));
        try {
            for (Worker worker : workers) {
                worker.start();
            }
        } catch (Error e) { // such as no more threads
            close();
            throw e;
        }
    }

    int size() {
        return workers.length + 1;
    }

    /// Runs `task` once in each thread, of which the caller's is number 0, and returns when all have run it.
    ///
    /// @throws RuntimeException what a thread threw, the first one if several did
    void run(Task task) {
        long next = epoch + 1;
        this.task = task;
        // A release only: the caller starts its own share before the others have seen this.
        EPOCH.setRelease(this, next);
        wakeSleepers();
        try {
            task.run(0);
        } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
        } finally {
            // Orders the epoch before the reads of `asleep`: a worker that fell asleep without
            // having seen it is woken.
            VarHandle.fullFence();
            wakeSleepers();
            awaitWorkers(next);
        }
        if (failure.get() != null) {
            throw Threads.rethrow(failure.getAndSet(null));
        }
    }

    private void wakeSleepers() {
        for (Worker worker : workers) {
            worker.wake();
        }
    }

    private void awaitWorkers(long epoch) {
        for (Worker worker : workers) {
            for (int spins = 0; worker.done < epoch; spins++) {
                if (spins < SPINS_BEFORE_SLEEP) {
                    pause(spins);
                } else {
                    LockSupport.parkNanos(this, CALLER_SLEEP_NANOS);
                }
            }
        }
    }

    /// Runs `task` once for each of `count` items, dealt out to the threads in turn. A single item runs in the caller's thread alone, as
    /// waking others takes longer.
    void forEach(int count, ItemTask task) {
        if (count == 1) {
            task.run(0, 0);
            return;
        }
        run(thread -> {
            for (int i = thread; i < count; i += size()) {
                task.run(thread, i);
            }
        });
    }

    /// Spins. Pauses only every 256 times, as a hypervisor takes the processor from a thread that pauses in a tight loop; yields every
    /// 32,768 times, to the threads that it waits for and to the JVM's compilers.
    @SuppressWarnings("ThreadPriorityCheck") // correct without it
    private static void pause(int spins) {
        if (spins % SPINS_BETWEEN_YIELDS == SPINS_BETWEEN_YIELDS - 1) {
            Thread.yield();
        } else if (spins % SPINS_BETWEEN_PAUSES == 0) {
            Thread.onSpinWait();
        }
    }

    /// The first item of a thread's share, where `count` items are shared out in runs of `grain`. The share ends where the next thread's
    /// begins; `first(size(), count, grain)` is `count`.
    int first(int thread, int count, int grain) {
        long runs = Math.ceilDiv(count, grain);
        return (int) Math.min(count, runs * thread / size() * grain);
    }

    @Override
    public void close() {
        closed = true;
        for (Worker worker : workers) {
            worker.wake();
            LockSupport.unpark(worker);
        }
    }
}
