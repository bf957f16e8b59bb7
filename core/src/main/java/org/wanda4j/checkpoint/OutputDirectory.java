package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// A directory that appears under its name only when it is complete.
///
/// The files are written to `NAME.partial` beside it, under a lock (`NAME.lock`), forced to the disk and then renamed.
/// What a killed run leaves is cleared away by the next run on the same name. A directory that is to be replaced is
/// kept as `NAME.replaced` until the new one stands in its place, and comes back if the process dies between.
public final class OutputDirectory implements AutoCloseable {

    private final Path target;
    private final Path partial;
    private final Path replaced;
    private final Path lockFile;
    private final boolean replace;
    private final FileChannel lockChannel;
    private final Thread onExit = new Thread(this::discard, "discard-output");
    private boolean finished;

    private OutputDirectory(Path target, boolean replace) throws IOException {
        this.target = target;
        this.replace = replace;
        this.partial = beside(target, ".partial");
        this.replaced = beside(target, ".replaced");
        this.lockFile = beside(target, ".lock");
        Files.createDirectories(parent(target));
        this.lockChannel = lock(lockFile, target);
    }

    /// Claims the name `directory`.
    ///
    /// @param input a directory that must survive
    /// @param replace whether a checkpoint that already has the name may be replaced, once the new one is complete
    /// @throws InvalidInputException when the name is taken, in use by another run, or cannot be written
    public static OutputDirectory claim(Path directory, Path input, boolean replace) {
        Path target = directory.toAbsolutePath().normalize();
        try {
            checkApart(target, input);
            var output = new OutputDirectory(target, replace);
            try {
                output.recover();
                output.checkFree();
                deleteTree(output.partial);
                Files.createDirectory(output.partial);
                Runtime.getRuntime().addShutdownHook(output.onExit);
                return output;
            } catch (IOException | RuntimeException e) {
                output.unlock();
                throw e;
            }
        } catch (IOException e) {
            throw failed(target, e);
        }
    }

    /// The name it will have.
    public Path target() {
        return target;
    }

    /// Where `file` lies until [#publish()].
    Path resolve(String file) {
        return partial.resolve(file);
    }

    /// A directory on the output's disk for what need not survive the run.
    public Path scratch() {
        return partial;
    }

    void requireSpace(long bytes) throws IOException {
        long free = Files.getFileStore(partial).getUsableSpace();
        if (free < bytes) {
            throw new InvalidInputException(
                    "%s: the output needs %,d MB and its disk has %,d MB free; make room or choose another -o"
                            .formatted(target, bytes >> 20, free >> 20));
        }
    }

    void write(String file, String text) throws IOException {
        Files.writeString(resolve(file), text);
        force(resolve(file));
    }

    void copy(Path file, String name) throws IOException {
        Files.copy(file, resolve(name));
        force(resolve(name));
    }

    /// Gives the directory its name. Every file in it must have reached the disk.
    void publish() {
        try {
            forceDirectory(partial);
            if (replace && Files.exists(target)) {
                Files.move(target, replaced, StandardCopyOption.ATOMIC_MOVE);
            }
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
            forceDirectory(parent(target));
            finished = true;
            deleteTree(replaced);
        } catch (IOException e) {
            throw failed(e);
        }
    }

    /// What an I/O failure means to the user.
    InvalidInputException failed(IOException cause) {
        return failed(target, cause);
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(onExit);
        } catch (IllegalStateException e) {
            return; // The process is ending, and the hook does what follows.
        }
        discard();
    }

    private void discard() {
        try {
            if (!finished) {
                deleteTree(partial);
            }
            recover();
            unlock();
        } catch (IOException e) {
            // The next run on this name clears away what is left.
        }
    }

    /// Finishes or undoes the replacement that a killed run was in the middle of.
    private void recover() throws IOException {
        if (Files.exists(replaced)) {
            if (Files.exists(target)) {
                deleteTree(replaced);
            } else {
                Files.move(replaced, target, StandardCopyOption.ATOMIC_MOVE);
            }
        }
    }

    private void checkFree() throws IOException {
        if (!Files.exists(target) || isEmptyDirectory(target)) {
            return;
        }
        if (!replace) {
            throw new InvalidInputException(
                    target + " exists; choose another -o, or replace it with --force");
        }
        if (!Files.exists(target.resolve("config.json"))) {
            throw new InvalidInputException(
                    target
                            + " exists and holds no checkpoint (no config.json), so --force does not replace it;"
                            + " choose another -o");
        }
    }

    private static void checkApart(Path target, Path input) throws IOException {
        Path source = input.toRealPath();
        Path destination = Files.exists(target) ? target.toRealPath() : target;
        if (source.startsWith(destination) || destination.startsWith(source)) {
            throw new InvalidInputException(
                    target
                            + ": the output must lie outside the model's directory, which stays as it is");
        }
    }

    private static boolean isEmptyDirectory(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            return false;
        }
        try (var files = Files.newDirectoryStream(path)) {
            return !files.iterator().hasNext();
        }
    }

    private static FileChannel lock(Path lockFile, Path target) throws IOException {
        FileChannel channel =
                FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            FileLock lock = channel.tryLock();
            if (lock != null) {
                return channel;
            }
        } catch (OverlappingFileLockException e) {
            // Another run in this process: refused like any other.
        }
        channel.close();
        throw new InvalidInputException(
                target + ": another run is writing there; wait for it or choose another -o");
    }

    private void unlock() throws IOException {
        Files.deleteIfExists(lockFile);
        lockChannel.close();
    }

    private static InvalidInputException failed(Path target, IOException cause) {
        String why =
                cause instanceof FileSystemException e && e.getReason() != null
                        ? e.getReason()
                        : cause instanceof FileSystemException
                                ? cause.getClass().getSimpleName().replace("Exception", "")
                                        + ": "
                                        + cause.getMessage()
                                : String.valueOf(cause.getMessage());
        return new InvalidInputException("cannot write " + target + ": " + why, cause);
    }

    private static Path beside(Path target, String suffix) {
        return target.resolveSibling(target.getFileName() + suffix);
    }

    private static Path parent(Path target) {
        Path parent = target.getParent();
        if (parent == null) {
            throw new InvalidInputException(target + ": the root directory cannot be an output");
        }
        return parent;
    }

    private static void force(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    private static void forceDirectory(Path directory) throws IOException {
        if (System.getProperty("os.name").startsWith("Windows")) {
            return; // A directory cannot be opened there, and its entries are journaled by the file
            // system.
        }
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        try (var files = Files.newDirectoryStream(root)) {
            for (Path file : files) {
                if (Files.isDirectory(file, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
                    deleteTree(file);
                } else {
                    Files.delete(file);
                }
            }
        }
        try {
            Files.delete(root);
        } catch (DirectoryNotEmptyException e) {
            throw new IOException(root + " changed while it was deleted", e);
        }
    }
}
