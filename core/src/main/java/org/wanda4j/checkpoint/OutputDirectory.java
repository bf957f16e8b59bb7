package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A directory that appears under its name only when it is complete.
///
/// The files are written to `NAME.partial` beside it, under a lock (`NAME.lock`), forced to the disk and then renamed.
/// A directory that is replaced is kept as `NAME.replaced` until the new one has its name.
///
/// A run that keeps a journal can be resumed: when it ends early, killed or not, its files stay as `NAME.partial` until a run resumes
/// it or discards them. A run without a journal leaves nothing: files that it could not delete itself are deleted by the next run on
/// the same name, which recognises them by the lock file and also restores a directory that was being replaced. Files of such names
/// that no run has left are not touched.
public final class OutputDirectory implements AutoCloseable {

    /// Directory in the unfinished output for files that are not part of it.
    private static final String WORK = ".wanda";

    private static final String JOURNAL = "journal.json";

    private final Path target;
    private final Path partial;
    private final Path replaced;
    private final boolean replace;
    private final List<Path> madeParents;
    private final OutputLock lock;
    private final Thread onExit = new Thread(this::leave, "leave-output");
    private boolean finished;
    private boolean journaled;
    private boolean hopeless;
    private boolean left;

    private OutputDirectory(Path target, boolean replace, List<Path> madeParents, OutputLock lock) {
        this.target = target;
        this.partial = beside(target, ".partial");
        this.replaced = beside(target, ".replaced");
        this.replace = replace;
        this.madeParents = madeParents;
        this.lock = lock;
    }

    /// Claims the name `output` for a new run.
    ///
    /// @param input a directory that must survive
    /// @param replace whether a checkpoint that already has the name may be replaced, once the new one is complete, and
    ///     what an interrupted run left may be cleared away
    /// @throws InvalidInputException when the name is taken, in use by another run, or cannot be written
    public static OutputDirectory claim(Path output, Path input, boolean replace) {
        return claim(output, input, replace, false);
    }

    /// Claims the name `output` for a run that resumes from [#journal()], or begins where there is none.
    ///
    /// @param input a directory that must survive
    /// @param replace whether a checkpoint that already has the name may be replaced, once the new one is complete
    /// @throws InvalidInputException when the name is taken, in use by another run, or cannot be written
    public static OutputDirectory resume(Path output, Path input, boolean replace) {
        return claim(output, input, replace, true);
    }

    /// The same as [#claim(Path, Path, boolean)], where both the directory of `source` and what it was opened by must survive.
    public static OutputDirectory claim(Path output, Checkpoint source, boolean replace) {
        requireApart(output, source);
        return claim(output, source.directory(), replace);
    }

    /// The same as [#resume(Path, Path, boolean)], where both the directory of `source` and what it was opened by must survive.
    public static OutputDirectory resume(Path output, Checkpoint source, boolean replace) {
        requireApart(output, source);
        return resume(output, source.directory(), replace);
    }

    /// Checks that `output` is not, and does not hold, what `source` was opened by.
    ///
    /// @throws InvalidInputException when it is, or does
    public static void requireApart(Path output, Checkpoint source) {
        Path target = output.toAbsolutePath().normalize();
        try {
            checkApart(target, source.given());
        } catch (IOException e) {
            throw failed(target, e);
        }
    }

    /// Gives a complete checkpoint, a directory on the same disk, the name `output`.
    ///
    /// @param replace whether a checkpoint that already has the name may be replaced
    /// @throws InvalidInputException when the name is taken, in use by another run, or cannot be written
    public static void adopt(Path complete, Path output, boolean replace) {
        try (OutputDirectory directory = claim(output, complete, replace)) {
            try (var files = Files.newDirectoryStream(complete)) {
                for (Path file : files) {
                    Files.move(file, directory.resolve(String.valueOf(file.getFileName())));
                }
                Files.delete(complete);
            } catch (IOException e) {
                throw directory.failed(e);
            }
            directory.publish();
        }
    }

    private static OutputDirectory claim(Path output, Path input, boolean replace, boolean resume) {
        Path target = output.toAbsolutePath().normalize();
        try {
            checkApart(target, input);
            List<Path> missing = Disk.missing(parent(target));
            try {
                Files.createDirectories(parent(target));
                return claim(target, replace, resume, missing);
            } catch (IOException | RuntimeException e) {
                Disk.deleteEmpty(missing);
                throw e;
            }
        } catch (IOException e) {
            throw failed(target, e);
        }
    }

    private static OutputDirectory claim(
            Path target, boolean replace, boolean resume, List<Path> madeParents)
            throws IOException {
        var output =
                new OutputDirectory(
                        target,
                        replace,
                        madeParents,
                        OutputLock.take(beside(target, ".lock"), target));
        try {
            output.clearLeftovers(resume);
            output.checkFree();
        } catch (IOException | RuntimeException e) {
            boolean leftByRun = output.lock.leftByKilledRun() || journalOf(target).isPresent();
            output.lock.release(leftByRun && output.hasLeftovers());
            throw e;
        }
        try {
            Runtime.getRuntime().addShutdownHook(output.onExit);
            Files.createDirectories(output.work());
            return output;
        } catch (IOException | RuntimeException e) {
            output.close();
            throw e;
        }
    }

    /// The journal of an interrupted run on `directory`, if there is one.
    public static Optional<Path> journalOf(Path directory) {
        Path target = directory.toAbsolutePath().normalize();
        return Optional.of(beside(target, ".partial").resolve(WORK).resolve(JOURNAL))
                .filter(Files::isRegularFile);
    }

    /// Deletes a directory that was an output, if it is there.
    ///
    /// @throws InvalidInputException when it cannot be deleted
    public static void delete(Path output) {
        try {
            Disk.deleteTree(output);
        } catch (IOException e) {
            throw new InvalidInputException("cannot delete " + output + ": " + Reason.of(e), e);
        }
    }

    /// The final path.
    public Path target() {
        return target;
    }

    /// Path of `file` until [#publish()].
    Path resolve(String file) {
        return partial.resolve(file);
    }

    /// Path of the journal, written by this run or by the one that it resumes.
    public synchronized Optional<Path> journal() {
        return canBeGoneOnWith() ? journalOf(target) : Optional.empty();
    }

    /// A directory on the output's disk for temporary files, and for those that resuming needs beside the output's.
    public Path work() {
        return partial.resolve(WORK);
    }

    /// Makes this run one that cannot be resumed: its files are deleted on closing.
    public synchronized void discard() {
        hopeless = true;
    }

    /// Makes `text` the journal, if the process is not ending yet. What it refers to must have reached the disk.
    synchronized void writeJournal(String text) throws IOException {
        if (!left) {
            AtomicFile.replace(work().resolve(JOURNAL), text);
            journaled = true;
        }
    }

    void requireSpace(long bytes) {
        requireSpace(bytes, "choose another -o");
    }

    /// Checks that the disk has space.
    ///
    /// @param instead what to do where no room can be made
    void requireSpace(long bytes, String instead) {
        long free = FreeSpace.of(partial);
        if (free < bytes) {
            throw new InvalidInputException(
                    "%s: the output needs %,d MB and its disk has %,d MB free; make room or %s"
                            .formatted(target, (bytes >> 20) + 1, free >> 20, instead));
        }
    }

    /// Waits until the disk has the names of the files that are there.
    void forceNames() throws IOException {
        Disk.forceDirectory(partial);
    }

    /// Writes documents, file name to text.
    void write(Map<String, String> documents) {
        try {
            for (var document : documents.entrySet()) {
                write(document.getKey(), document.getValue());
            }
        } catch (IOException e) {
            throw failed(e);
        }
    }

    void write(String file, String text) throws IOException {
        Files.writeString(resolve(file), text);
        Disk.force(resolve(file));
    }

    void copy(Path file, String name) throws IOException {
        Files.copy(file, resolve(name), StandardCopyOption.REPLACE_EXISTING);
        Disk.force(resolve(name));
    }

    /// Gives the directory its name. Every file in it must have reached the disk.
    ///
    /// Can be repeated wherever it was cut off: the journal, which is deleted last, distinguishes an output that was just renamed from
    /// one that was there before.
    synchronized void publish() {
        if (left) {
            throw new InvalidInputException(target + ": stopped before it got its name");
        }
        try {
            if (journaled) {
                clearWork();
            } else {
                Disk.deleteTree(work());
            }
            Disk.forceDirectory(partial);
            if (replace && Disk.exists(target)) {
                Files.move(target, replaced, StandardCopyOption.ATOMIC_MOVE);
            }
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
            Disk.forceDirectory(parent(target));
            finished = true;
            Disk.deleteTree(target.resolve(WORK));
            Disk.deleteTree(replaced);
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private void clearWork() throws IOException {
        try (var files = Files.newDirectoryStream(work())) {
            for (Path file : files) {
                if (!file.endsWith(JOURNAL)) {
                    Disk.deleteTree(file);
                }
            }
        }
    }

    /// The error for the user behind an I/O failure.
    InvalidInputException failed(IOException cause) {
        return failed(target, cause);
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(onExit);
        } catch (IllegalStateException e) {
            return; // the process is ending, and the shutdown hook does the rest
        }
        leave();
    }

    private synchronized void leave() {
        if (left) {
            return; // The name may be another run's by now.
        }
        left = true;
        try (lock) {
            boolean keeps = canBeGoneOnWith();
            if (!keeps) {
                deletePartial();
            }
            recover();
            lock.release(keeps);
            if (!finished && !keeps) {
                Disk.deleteEmpty(madeParents);
            }
        } catch (IOException e) {
            // The lock file stays: the next run on this name clears away what is left.
        }
    }

    private boolean hasLeftovers() {
        return Disk.exists(partial) || Disk.exists(replaced);
    }

    /// Kept in memory, as the disk may be what failed.
    private boolean canBeGoneOnWith() {
        return journaled && !hopeless && !finished;
    }

    private void clearLeftovers(boolean resume) throws IOException {
        boolean interrupted = journalOf(target).isPresent();
        if (hasLeftovers() && !lock.leftByKilledRun() && !interrupted) {
            throw new InvalidInputException(
                    "%s is in the way and was not left by a run; move it, or choose another -o"
                            .formatted(Disk.exists(partial) ? partial : replaced));
        }
        if (interrupted && !resume && !replace) {
            throw new InvalidInputException(
                    "%s: an interrupted run left %s; go on with --resume, or start afresh with --force"
                            .formatted(target, partial.getFileName()));
        }
        journaled = interrupted && resume;
        if (!journaled) {
            deletePartial();
        }
        // It is empty where a kill came between the journal's end and its own.
        Path published = target.resolve(WORK);
        if (Disk.exists(published.resolve(JOURNAL)) || Disk.isEmptyDirectory(published)) {
            Disk.deleteTree(published);
        }
        recover();
    }

    /// The journal is deleted first: without it, the rest is not taken for a run that can be resumed.
    private void deletePartial() throws IOException {
        Files.deleteIfExists(work().resolve(JOURNAL));
        Disk.deleteTree(partial);
    }

    /// Finishes or undoes a replacement that ended in the middle.
    private void recover() throws IOException {
        if (Disk.exists(replaced)) {
            if (Disk.exists(target)) {
                Disk.deleteTree(replaced);
            } else {
                Files.move(replaced, target, StandardCopyOption.ATOMIC_MOVE);
            }
        }
    }

    private void checkFree() throws IOException {
        if (!Disk.exists(target) || Disk.isEmptyDirectory(target)) {
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
        Path destination = Disk.realPath(target);
        if (source.startsWith(destination) || destination.startsWith(source)) {
            throw new InvalidInputException(
                    target
                            + ": the output must lie outside the model's directory, which stays as it is");
        }
    }

    private static InvalidInputException failed(Path target, IOException cause) {
        return new InvalidInputException("cannot write " + target + ": " + Reason.of(cause), cause);
    }

    /// What lies beside `output` under its name and `suffix`.
    public static Path beside(Path output, String suffix) {
        Path target = output.toAbsolutePath().normalize();
        return target.resolveSibling(target.getFileName() + suffix);
    }

    private static Path parent(Path target) {
        Path parent = target.getParent();
        if (parent == null) {
            throw new InvalidInputException(target + ": the root directory cannot be an output");
        }
        return parent;
    }
}
