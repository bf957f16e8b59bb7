package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/// A directory that appears under its name only when it is complete.
///
/// The files are written to `NAME.partial` beside it, under a lock (`NAME.lock`), forced to the disk and then renamed.
/// A directory that is to be replaced is kept as `NAME.replaced` until the new one stands in its place. A killed run
/// leaves its lock file: by that the next run on the same name knows what else it left, clears it away and brings
/// back what was being replaced. What has such a name but was not left by a run is not touched.
public final class OutputDirectory implements AutoCloseable {

    private final Path target;
    private final Path partial;
    private final Path replaced;
    private final boolean replace;
    private final List<Path> madeParents;
    private final OutputLock lock;
    private final Thread onExit = new Thread(this::discard, "discard-output");
    private boolean finished;

    private OutputDirectory(Path target, boolean replace, List<Path> madeParents, OutputLock lock) {
        this.target = target;
        this.partial = beside(target, ".partial");
        this.replaced = beside(target, ".replaced");
        this.replace = replace;
        this.madeParents = madeParents;
        this.lock = lock;
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
            List<Path> missing = missing(parent(target));
            try {
                Files.createDirectories(parent(target));
                return claim(target, replace, missing);
            } catch (IOException | RuntimeException e) {
                deleteEmpty(missing);
                throw e;
            }
        } catch (IOException e) {
            throw failed(target, e);
        }
    }

    private static OutputDirectory claim(Path target, boolean replace, List<Path> madeParents)
            throws IOException {
        var output =
                new OutputDirectory(
                        target,
                        replace,
                        madeParents,
                        OutputLock.take(beside(target, ".lock"), target));
        try {
            output.clearLeftovers();
            output.checkFree();
            Files.createDirectory(output.partial);
            Runtime.getRuntime().addShutdownHook(output.onExit);
            return output;
        } catch (IOException | RuntimeException e) {
            output.lock.release(output.lock.leftByKilledRun() && output.hasLeftovers());
            throw e;
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
                            .formatted(target, (bytes >> 20) + 1, free >> 20));
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
            if (replace && exists(target)) {
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
        try (lock) {
            deleteTree(partial);
            recover();
            lock.release(false);
            if (!finished) {
                deleteEmpty(madeParents);
            }
        } catch (IOException e) {
            // The lock file stays: the next run on this name clears away what is left.
        }
    }

    private boolean hasLeftovers() {
        return exists(partial) || exists(replaced);
    }

    private void clearLeftovers() throws IOException {
        if (hasLeftovers() && !lock.leftByKilledRun()) {
            throw new InvalidInputException(
                    "%s is in the way and was not left by a run; move it, or choose another -o"
                            .formatted(exists(partial) ? partial : replaced));
        }
        deleteTree(partial);
        recover();
    }

    /// Finishes or undoes a replacement that ended in the middle.
    private void recover() throws IOException {
        if (exists(replaced)) {
            if (exists(target)) {
                deleteTree(replaced);
            } else {
                Files.move(replaced, target, StandardCopyOption.ATOMIC_MOVE);
            }
        }
    }

    private void checkFree() throws IOException {
        if (!exists(target) || isEmptyDirectory(target)) {
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
        Path destination = realPath(target);
        if (source.startsWith(destination) || destination.startsWith(source)) {
            throw new InvalidInputException(
                    target
                            + ": the output must lie outside the model's directory, which stays as it is");
        }
    }

    /// Where `path` is, or would be, once links are followed.
    private static Path realPath(Path path) throws IOException {
        Path existing = path;
        while (!Files.exists(existing) && existing.getParent() != null) {
            existing = existing.getParent();
        }
        return existing.toRealPath().resolve(existing.relativize(path));
    }

    /// The directories that have to be made for `directory` to be there, the innermost first.
    private static List<Path> missing(Path directory) {
        List<Path> missing = new ArrayList<>();
        for (Path at = directory; at != null && !exists(at); at = at.getParent()) {
            missing.add(at);
        }
        return missing;
    }

    private static boolean isEmptyDirectory(Path path) throws IOException {
        if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        try (var files = Files.newDirectoryStream(path)) {
            return !files.iterator().hasNext();
        }
    }

    private static InvalidInputException failed(Path target, IOException cause) {
        return new InvalidInputException("cannot write " + target + ": " + Reason.of(cause), cause);
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

    /// Whether there is something of that name, a link to nowhere included.
    private static boolean exists(Path path) {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }

    /// Deletes a directory with all that is in it; of a link, the link alone.
    private static void deleteTree(Path root) throws IOException {
        if (Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
            try (var files = Files.newDirectoryStream(root)) {
                for (Path file : files) {
                    deleteTree(file);
                }
            }
        }
        Files.deleteIfExists(root);
    }

    private static void deleteEmpty(List<Path> directories) throws IOException {
        for (Path directory : directories) {
            try {
                Files.deleteIfExists(directory);
            } catch (DirectoryNotEmptyException e) {
                return; // Somebody else has put something there.
            }
        }
    }
}
