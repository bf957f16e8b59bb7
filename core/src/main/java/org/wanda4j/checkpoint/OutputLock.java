package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;

/// A lock file. It is removed when its run is done, so that one that exists and is not locked was left by a killed run.
///
/// @param file the lock file
/// @param channel holds the lock while it is open
/// @param leftByKilledRun whether the file was already there
record OutputLock(Path file, FileChannel channel, boolean leftByKilledRun)
        implements AutoCloseable {

    /// The locked range is far behind the content, as some systems do not let others read a locked range.
    private static final long LOCKED_BYTE = Long.MAX_VALUE - 1;

    private static final long LONGEST = 1 << 20;

    /// Files that this process has locked. It must not open one a second time, as closing it would release the lock.
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    /// Takes the lock, without waiting.
    ///
    /// @param target what it is for
    /// @throws InvalidInputException when another run holds it
    static OutputLock take(Path file, Path target) throws IOException {
        if (!HELD.add(file)) {
            throw inUse(target);
        }
        try {
            return open(file, target);
        } catch (IOException | RuntimeException e) {
            HELD.remove(file);
            throw e;
        }
    }

    private static OutputLock open(Path file, Path target) throws IOException {
        while (true) {
            var channel =
                    FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            OutputLock lock;
            try {
                if (!isFree(channel)) {
                    throw inUse(target);
                }
                lock = new OutputLock(file, channel, channel.size() > 0);
            } catch (IOException | RuntimeException e) {
                channel.close();
                throw e;
            }
            try {
                if (lock.mark()) {
                    return lock;
                }
                channel.close();
            } catch (IOException e) {
                lock.release(lock.leftByKilledRun());
                throw e;
            }
        }
    }

    private static InvalidInputException inUse(Path target) {
        return new InvalidInputException(
                target + ": another run is writing there; wait for it or choose another -o");
    }

    private static boolean isFree(FileChannel channel) throws IOException {
        try {
            return channel.tryLock(LOCKED_BYTE, 1, false) != null;
        } catch (OverlappingFileLockException e) {
            return false; // Another run in this process.
        }
    }

    /// Whether the locked file is still the one of that name: between opening and locking, its last holder may have removed it, and
    /// another process created it again. The file is not opened for that: on POSIX systems, a process that closes a file loses all
    /// its locks on it.
    private boolean mark() throws IOException {
        long length = ThreadLocalRandom.current().nextLong(1, LONGEST);
        channel.truncate(0);
        channel.write(ByteBuffer.allocate(1), length - 1);
        try {
            return Files.size(file) == length;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    /// Releases the lock.
    ///
    /// @param leftovers whether files are left that the next run has to delete
    void release(boolean leftovers) throws IOException {
        if (!channel.isOpen()) {
            return; // It was released before, and may be another run's by now.
        }
        try (channel) {
            if (!leftovers) {
                Files.deleteIfExists(file);
            }
        } finally {
            HELD.remove(file);
        }
    }

    @Override
    public void close() throws IOException {
        release(true);
    }
}
