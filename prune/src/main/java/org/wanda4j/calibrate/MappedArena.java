package org.wanda4j.calibrate;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.wanda4j.checkpoint.FreeSpace;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// An arena whose memory lies in a file that is deleted with it. What is smaller than a page of memory lies outside.
final class MappedArena implements Arena {

    private static final int PAGE = 4096;

    private final Path directory;
    private final FileChannel file;
    private final Arena mapping = Arena.ofShared();

    /// @throws InvalidInputException when the file cannot be made
    MappedArena(Path directory) {
        this.directory = directory;
        try {
            this.file =
                    FileChannel.open(
                            Files.createTempFile(directory, "scratch", ".tmp"),
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE,
                            StandardOpenOption.DELETE_ON_CLOSE);
        } catch (IOException e) {
            mapping.close();
            throw failed(PAGE, e);
        }
    }

    /// @throws InvalidInputException when the disk has no room for it
    @Override
    public synchronized MemorySegment allocate(long bytes, long alignment) {
        if (bytes < PAGE) {
            return mapping.allocate(bytes, alignment);
        }
        if (alignment > PAGE) {
            throw new IllegalArgumentException("a file is mapped by pages of " + PAGE + " bytes");
        }
        try {
            long start = file.size();
            if (FreeSpace.of(directory) < bytes) {
                throw new IOException("no space left on its disk");
            }
            extend(start, bytes);
            return file.map(FileChannel.MapMode.READ_WRITE, start, bytes, mapping);
        } catch (IOException e) {
            throw failed(bytes, e);
        }
    }

    /// Takes the room now, whole pages of it: where the disk fills up later, writing to mapped memory that has none is not an
    /// exception but a signal.
    private void extend(long start, long bytes) throws IOException {
        ByteBuffer zeros = ByteBuffer.allocateDirect(1 << 20);
        long end = start + Math.ceilDiv(bytes, PAGE) * PAGE;
        for (long at = start; at < end; ) {
            int count = (int) Math.min(zeros.capacity(), end - at);
            at += file.write(zeros.clear().limit(count), at);
        }
    }

    private InvalidInputException failed(long bytes, IOException cause) {
        return new InvalidInputException(
                "cannot keep %,d MB in %s: %s; make room there, or use fewer --windows or a smaller --seqlen"
                        .formatted((bytes >> 20) + 1, directory, Reason.of(cause)),
                cause);
    }

    @Override
    public MemorySegment.Scope scope() {
        return mapping.scope();
    }

    @Override
    public void close() {
        mapping.close();
        try {
            file.close();
        } catch (IOException e) {
            // Nothing is read from it any more.
        }
    }
}
