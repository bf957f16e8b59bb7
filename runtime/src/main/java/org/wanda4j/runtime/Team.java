package org.wanda4j.runtime;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/// Threads that work on one thing together, and wait for each other before the next.
///
/// The matrices of a small model take microseconds each, less than it takes to wake a thread: members spin for a while
/// before they sleep. One thread at a time may call [#run].
final class Team implements AutoCloseable {

    private static final VarHandle TURN;

    static {
        try {
            TURN = MethodHandles.lookup().findVarHandle(Team.class, "turn", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final int SPINS_BEFORE_SLEEP = 400_000;
    private static final int SPINS_BEFORE_NAP = 400_000;
    private static final int SPINS_BETWEEN_PAUSES = 256;
    private static final int SPINS_BETWEEN_YIELDS = 1 << 15;
    private static final int NAP = 20_000;

    /// A share of the work.
    @FunctionalInterface
    interface Work {
        /// @param member from 0 to the size of the team, exclusive
        void run(int member);
    }

    /// One of several things to do.
    @FunctionalInterface
    interface Item {
        /// @param member from 0 to the size of the team, exclusive
        void run(int member, int index);
    }

    private final Member[] members;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private Work work = _ -> {};
    private volatile long turn;
    private volatile boolean closed;

    private final class Member extends Thread {

        private final int number;

        /// The last turn that it has done.
        private volatile long done;

        private volatile boolean asleep;

        Member(int number) {
            super("wanda-decoder-" + number);
            this.number = number;
            setDaemon(true);
        }

        @Override
        public void run() {
            for (long next = 1; await(next); next++) {
                try {
                    work.run(number);
                } catch (RuntimeException | Error e) {
                    failure.compareAndSet(null, e);
                } finally {
                    done = next;
                }
            }
        }

        private boolean await(long next) {
            for (int spins = 0; turn < next && !closed; spins++) {
                if (spins < SPINS_BEFORE_SLEEP) {
                    pause(spins);
                } else {
                    asleep = true;
                    if (turn < next && !closed) {
                        LockSupport.park(Team.this);
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
    Team(int size) {
        members = new Member[size - 1];
        Arrays.setAll(members, i -> new Member(i + 1));
        try {
            for (Member member : members) {
                member.start();
            }
        } catch (Error e) { // There may be no more threads.
            close();
            throw e;
        }
    }

    int size() {
        return members.length + 1;
    }

    /// Runs `task` once for each member, and returns when all are done.
    void run(Work task) {
        long next = turn + 1;
        work = task;
        // The caller goes on to its share before the others have seen this.
        TURN.setRelease(this, next);
        wakeSleepers();
        try {
            task.run(0);
        } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
        } finally {
            // Now they have: a member that had not when it fell asleep is seen to sleep.
            VarHandle.fullFence();
            wakeSleepers();
            await(next);
        }
        rethrow();
    }

    private void wakeSleepers() {
        for (Member member : members) {
            member.wake();
        }
    }

    private void await(long turn) {
        for (Member member : members) {
            for (int spins = 0; member.done < turn; spins++) {
                if (spins < SPINS_BEFORE_NAP) {
                    pause(spins);
                } else {
                    LockSupport.parkNanos(this, NAP);
                }
            }
        }
    }

    /// Does `task` once for each of `count` items, dealt out one after the other; a single one here, not worth waking anybody.
    void deal(int count, Item task) {
        if (count == 1) {
            task.run(0, 0);
            return;
        }
        run(member -> {
            for (int i = member; i < count; i += size()) {
                task.run(member, i);
            }
        });
    }

    /// Now and then alone: a hypervisor takes the processor from a thread that pauses again and again.
    ///
    /// Who waits for long gives way: to whom it waits for, or to the JVM's compilers while there is a lot to compile.
    @SuppressWarnings("ThreadPriorityCheck") // Correct without it.
    private static void pause(int spins) {
        if (spins % SPINS_BETWEEN_YIELDS == SPINS_BETWEEN_YIELDS - 1) {
            Thread.yield();
        } else if (spins % SPINS_BETWEEN_PAUSES == 0) {
            Thread.onSpinWait();
        }
    }

    private void rethrow() {
        if (failure.get() == null) {
            return;
        }
        switch (failure.getAndSet(null)) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }

    /// The first of `count` items, dealt in runs of `grain`, that is `member`'s; the last is where the next one starts.
    int first(int member, int count, int grain) {
        long runs = Math.ceilDiv(count, grain);
        return (int) Math.min(count, runs * member / size() * grain);
    }

    @Override
    public void close() {
        closed = true;
        for (Member member : members) {
            member.wake();
            LockSupport.unpark(member);
        }
    }
}
