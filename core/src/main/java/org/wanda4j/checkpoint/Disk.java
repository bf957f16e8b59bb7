package org.wanda4j.checkpoint;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/// Operations on files and directories that `java.nio.file` lacks.
final class Disk {

    private static final int CHUNK = 8 << 20;

    private Disk() {}

    /// Whether the path exists, a dangling link included.
    static boolean exists(Path path) {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }

    static boolean isEmptyDirectory(Path path) throws IOException {
        if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        try (var files = Files.newDirectoryStream(path)) {
            return !files.iterator().hasNext();
        }
    }

    /// Where `path` is, or would be, once links are followed.
    static Path realPath(Path path) throws IOException {
        Path existing = path;
        while (!Files.exists(existing) && existing.getParent() != null) {
            existing = existing.getParent();
        }
        return existing.toRealPath().resolve(existing.relativize(path));
    }

    /// The directories that have to be made for `directory` to be there, the innermost first.
    static List<Path> missing(Path directory) {
        List<Path> missing = new ArrayList<>();
        for (Path at = directory; at != null && !exists(at); at = at.getParent()) {
            missing.add(at);
        }
        return missing;
    }

    /// Deletes a directory with all that is in it; of a link, the link alone.
    static void deleteTree(Path root) throws IOException {
        if (Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
            try (var files = Files.newDirectoryStream(root)) {
                for (Path file : files) {
                    deleteTree(file);
                }
            }
        }
        Files.deleteIfExists(root);
    }

    static void deleteEmpty(List<Path> directories) throws IOException {
        for (Path directory : directories) {
            try {
                Files.deleteIfExists(directory);
            } catch (DirectoryNotEmptyException e) {
                return; // not empty: another process has written to it
            }
        }
    }

    /// Writes all of `data` at `position`.
    static void writeFully(FileChannel channel, MemorySegment data, long position)
            throws IOException {
        for (long at = 0; at < data.byteSize(); ) {
            long length = Math.min(CHUNK, data.byteSize() - at);
            at += channel.write(data.asSlice(at, length).asByteBuffer(), position + at);
        }
    }

    /// Fills `data` from `position`.
    static void readFully(FileChannel channel, MemorySegment data, long position)
            throws IOException {
        for (long at = 0; at < data.byteSize(); ) {
            long length = Math.min(CHUNK, data.byteSize() - at);
            int read = channel.read(data.asSlice(at, length).asByteBuffer(), position + at);
            if (read < 0) {
                throw new IOException("the file is shorter than it was");
            }
            at += read;
        }
    }

    /// Closes all of `files`, whichever of them fail.
    ///
    /// @throws IOException the first failure, with the others suppressed in it
    static void closeAll(Collection<? extends Closeable> files) throws IOException {
        IOException failure = null;
        for (Closeable file : files) {
            try {
                file.close();
            } catch (IOException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    /// Waits until the disk has `file`.
    static void force(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    /// Waits until the disk has the names in `directory`.
    static void forceDirectory(Path directory) throws IOException {
        if (System.getProperty("os.name").startsWith("Windows")) {
            return; // A directory cannot be opened there; the file system journals its entries.
        }
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
