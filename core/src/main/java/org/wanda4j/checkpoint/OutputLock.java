package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/// A file that one run holds. It is removed when the run is done, so one that is there and not held was left by a run
/// that was killed.
///
/// @param file the lock file
/// @param channel holds the lock while it is open
/// @param leftByKilledRun whether the file was already there
record OutputLock(Path file, FileChannel channel, boolean leftByKilledRun)
        implements AutoCloseable {

    /// What is locked lies far behind the content: some systems keep others from reading what is locked.
    private static final long LOCKED_BYTE = Long.MAX_VALUE - 1;

    /// Takes the lock at once or not at all.
    ///
    /// @param target what it is for
    /// @throws InvalidInputException when another run holds it
    static OutputLock take(Path file, Path target) throws IOException {
        while (true) {
            var channel =
                    FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (!isFree(channel)) {
                channel.close();
                throw new InvalidInputException(
                        target
                                + ": another run is writing there; wait for it or choose another -o");
            }
            var lock = new OutputLock(file, channel, channel.size() > 0);
            try {
                if (lock.mark()) {
                    return lock;
                }
                lock.close();
            } catch (IOException e) {
                lock.release(lock.leftByKilledRun());
                throw e;
            }
        }
    }

    private static boolean isFree(FileChannel channel) throws IOException {
        try {
            return channel.tryLock(LOCKED_BYTE, 1, false) != null;
        } catch (OverlappingFileLockException e) {
            return false; // Another run in this process.
        }
    }

    /// Writes what nobody else writes, and looks whether it is then in the file: between opening and locking, the last
    /// holder may have removed it.
    private boolean mark() throws IOException {
        String mark = UUID.randomUUID().toString();
        channel.write(ByteBuffer.wrap(mark.getBytes(StandardCharsets.UTF_8)), 0);
        try {
            return Files.readString(file).equals(mark);
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    /// Lets the next run have it.
    ///
    /// @param leftovers whether there is still something that the next run has to clear away
    void release(boolean leftovers) throws IOException {
        try (channel) {
            if (!leftovers) {
                Files.deleteIfExists(file);
            }
        }
    }

    @Override
    public void close() throws IOException {
        release(true);
    }
}
