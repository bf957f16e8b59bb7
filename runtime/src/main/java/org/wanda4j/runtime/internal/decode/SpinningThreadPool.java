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
/// they sleep. A task has a share for each thread. Where a thread has not begun its share when the caller has ended its own, as it
/// sleeps, or another program has its processor, the caller runs that share too. One thread at a time may call [#run].
final class SpinningThreadPool implements AutoCloseable {

    private static final VarHandle EPOCH;
    private static final VarHandle BEGUN;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            EPOCH = lookup.findVarHandle(SpinningThreadPool.class, "epoch", long.class);
            BEGUN = lookup.findVarHandle(Worker.class, "begun", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final int SPINS_BEFORE_SLEEP = 400_000;
    private static final int SPINS_BETWEEN_PAUSES = 256;
    private static final int SPINS_BETWEEN_YIELDS = 1 << 15;
    private static final int CALLER_SLEEP_NANOS = 20_000;

    /// A task in [#size()] shares, each of which is run once.
    @FunctionalInterface
    interface Task {
        /// @param thread that runs it, from 0 to [#size()], exclusive
        /// @param share of the task, likewise
        void run(int thread, int share);
    }

    /// A task for one of several items.
    @FunctionalInterface
    interface ItemTask {
        /// @param thread from 0 to [#size()], exclusive
        void run(int thread, int item);
    }

    private final Worker[] workers;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private Task task = (_, _) -> {};

    /// Number of the current task; its release publishes [#task].
    private volatile long epoch;

    private volatile boolean closed;

    private final class Worker extends Thread {

        private final int number;

        /// The last epoch whose share was begun, by this thread or by the caller.
        private volatile long begun;

        /// The last epoch whose share has been run.
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
                tryShare(next, number);
            }
        }

        /// Runs the share of an epoch, unless it was begun. The caller stays in [#run] until it is done, so that `task` is that of the epoch.
        ///
        /// @param thread that runs it
        void tryShare(long epoch, int thread) {
            if (BEGUN.compareAndSet(this, epoch - 1, epoch)) {
                runShare(thread, number);
                done = epoch;
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

    /// Runs each share of `task` once, and returns when all have been run. The caller is thread 0.
    ///
    /// @throws RuntimeException what a thread threw, the first one if several did
    void run(Task task) {
        long next = epoch + 1;
        this.task = task;
        // A release only: the caller starts its own share before the others have seen this.
        EPOCH.setRelease(this, next);
        wakeSleepers();
        runShare(0, 0);
        for (Worker worker : workers) {
            worker.tryShare(next, 0);
        }
        awaitWorkers(next);
        if (failure.get() != null) {
            throw Threads.rethrow(failure.getAndSet(null));
        }
    }

    private void runShare(int thread, int share) {
        try {
            task.run(thread, share);
        } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
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

    /// Runs `task` once for each of `count` items, dealt out to the shares in turn. A single item runs in the caller's thread alone, as
    /// waking others takes longer.
    void forEach(int count, ItemTask task) {
        if (count == 1) {
            task.run(0, 0);
            return;
        }
        run((thread, share) -> {
            for (int i = share; i < count; i += size()) {
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

    /// The first item of a share, where `count` items are shared out in runs of `grain`. The share ends where the next begins;
    /// `first(size(), count, grain)` is `count`.
    int first(int share, int count, int grain) {
        long runs = Math.ceilDiv(count, grain);
        return (int) Math.min(count, runs * share / size() * grain);
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
