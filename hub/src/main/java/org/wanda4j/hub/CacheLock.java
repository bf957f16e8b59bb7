package org.wanda4j.hub;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Set;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// Keeps a blob for one process, as Hugging Face's Python client does, and from it: by `flock` on Unix, which knows nothing of the
/// locks of `java.nio`, and by the first byte of the file on Windows.
///
/// Where the file system has no locks, there is none: a blob is named only once its digest is right, so that two processes at worst
/// fetch it twice.
final class CacheLock implements AutoCloseable {

    private static final Duration BETWEEN_TRIES = Duration.ofMillis(50);
    private static final Duration BEFORE_NOTE = Duration.ofSeconds(2);

    private final AutoCloseable held;

    private CacheLock(AutoCloseable held) {
        this.held = held;
    }

    /// Waits for the lock.
    ///
    /// @param file made where it is not there; it stays
    /// @param waiting is called once where it takes long
    static CacheLock take(Path file, Runnable waiting) throws InterruptedException {
        try {
            Files.createDirectories(file.getParent());
            boolean windows = System.getProperty("os.name").startsWith("Windows");
            return windows ? byRange(file, waiting) : Flock.take(file, waiting);
        } catch (IOException e) {
            throw new InvalidInputException("cannot write " + file + ": " + Reason.of(e), e);
        }
    }

    private static CacheLock byRange(Path file, Runnable waiting)
            throws IOException, InterruptedException {
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        try {
            until(
                    () -> {
                        try {
                            return channel.tryLock(0, 1, false) != null; // until it is closed
                        } catch (OverlappingFileLockException e) {
                            return false; // another thread's
                        }
                    },
                    waiting);
            return new CacheLock(channel);
        } catch (IOException | InterruptedException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    @FunctionalInterface
    private interface Attempt {
        boolean succeeds() throws IOException;
    }

    private static void until(Attempt attempt, Runnable waiting)
            throws IOException, InterruptedException {
        long begin = System.nanoTime();
        boolean told = false;
        while (!attempt.succeeds()) {
            if (!told && System.nanoTime() - begin > BEFORE_NOTE.toNanos()) {
                told = true;
                waiting.run();
            }
            Thread.sleep(BETWEEN_TRIES);
        }
    }

    @Override
    public void close() {
        try {
            held.close();
        } catch (Exception e) {
            throw new IllegalStateException("a lock that cannot be given back", e);
        }
    }

    /// The C library's `flock`.
    private static final class Flock {

        private static final int EXCLUSIVE = 2;
        private static final int WITHOUT_WAITING = 4;
        private static final int GROUP_MAY_WRITE = 0664;

        /// `EINTR`, `EACCES`, and `EWOULDBLOCK` on Linux and on macOS.
        private static final Set<Integer> HELD_BY_ANOTHER = Set.of(4, 13, 11, 35);

        private static final StructLayout STATE = Linker.Option.captureStateLayout();
        private static final VarHandle ERRNO = STATE.varHandle(PathElement.groupElement("errno"));
        private static final MethodHandle CREAT =
                function("creat", ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
        private static final MethodHandle FLOCK =
                function("flock", ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
        private static final MethodHandle CLOSE = function("close", ValueLayout.JAVA_INT);

        @SuppressWarnings("restricted") // The C library's own.
        private static MethodHandle function(String name, MemoryLayout... parameters) {
            Linker linker = Linker.nativeLinker();
            return linker.downcallHandle(
                    linker.defaultLookup().findOrThrow(name),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters),
                    Linker.Option.captureCallState("errno"));
        }

        static CacheLock take(Path file, Runnable waiting)
                throws IOException, InterruptedException {
            int descriptor = open(file);
            if (descriptor < 0) {
                throw new IOException("it cannot be opened");
            }
            try {
                until(() -> isTaken(descriptor), waiting);
                return new CacheLock(() -> close(descriptor));
            } catch (IOException | InterruptedException | RuntimeException e) {
                close(descriptor);
                throw e;
            }
        }

        private static int open(Path file) {
            try (Arena arena = Arena.ofConfined()) {
                return (int)
                        CREAT.invokeExact(
                                arena.allocate(STATE),
                                arena.allocateFrom(file.toString()),
                                GROUP_MAY_WRITE);
            } catch (Throwable e) {
                throw new IllegalStateException("creat", e);
            }
        }

        /// Taken, or there are no locks here.
        private static boolean isTaken(int descriptor) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment state = arena.allocate(STATE);
                int failed =
                        (int) FLOCK.invokeExact(state, descriptor, EXCLUSIVE | WITHOUT_WAITING);
                return failed == 0 || !HELD_BY_ANOTHER.contains((int) ERRNO.get(state, 0L));
            } catch (Throwable e) {
                throw new IllegalStateException("flock", e);
            }
        }

        private static void close(int descriptor) {
            try (Arena arena = Arena.ofConfined()) {
                int _ = (int) CLOSE.invokeExact(arena.allocate(STATE), descriptor);
            } catch (Throwable e) {
                throw new IllegalStateException("close", e);
            }
        }
    }
}
