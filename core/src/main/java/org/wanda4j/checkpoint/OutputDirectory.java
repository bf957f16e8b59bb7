package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;

/// A directory that appears under its name only when it is complete.
///
/// The files are written to `NAME.partial` beside it, under a lock (`NAME.lock`), forced to the disk and then renamed.
/// A directory that is to be replaced is kept as `NAME.replaced` until the new one stands in its place.
///
/// A run that keeps a journal can be gone on with: what it leaves when it ends early, killed or not, stays as
/// `NAME.partial` until a run goes on with it or is told to start afresh. Of a run without one nothing is left: what it
/// could not clear away itself, the next run on the same name does, and brings back what was being replaced. It knows it
/// by the lock file. What has such a name but was not left by a run is not touched.
public final class OutputDirectory implements AutoCloseable {

    /// Holds, in the unfinished output, what is not part of the output.
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

    /// Claims the name `directory` for a run that begins.
    ///
    /// @param input a directory that must survive
    /// @param replace whether a checkpoint that already has the name may be replaced, once the new one is complete, and
    ///     what an interrupted run left may be cleared away
    /// @throws InvalidInputException when the name is taken, in use by another run, or cannot be written
    public static OutputDirectory claim(Path directory, Path input, boolean replace) {
        return claim(directory, input, replace, false);
    }

    /// Claims the name `directory` for a run that goes on where [#journal()] says, or begins where there is none.
    ///
    /// @param input a directory that must survive
    /// @param replace whether a checkpoint that already has the name may be replaced, once the new one is complete
    /// @throws InvalidInputException when the name is taken, in use by another run, or cannot be written
    public static OutputDirectory resume(Path directory, Path input, boolean replace) {
        return claim(directory, input, replace, true);
    }

    private static OutputDirectory claim(
            Path directory, Path input, boolean replace, boolean resume) {
        Path target = directory.toAbsolutePath().normalize();
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

    /// The journal of the run that is to be gone on with on `directory`, where there is one.
    public static Optional<Path> journalOf(Path directory) {
        Path target = directory.toAbsolutePath().normalize();
        return Optional.of(beside(target, ".partial").resolve(WORK).resolve(JOURNAL))
                .filter(Files::isRegularFile);
    }

    /// The name it will have.
    public Path target() {
        return target;
    }

    /// Where `file` lies until [#publish()].
    Path resolve(String file) {
        return partial.resolve(file);
    }

    /// Where the journal lies from which a run can go on: written by this one, or by the one that it goes on with.
    public synchronized Optional<Path> journal() {
        return canBeGoneOnWith() ? journalOf(target) : Optional.empty();
    }

    /// A directory on the output's disk for what need not survive the run.
    public Path scratch() {
        return partial;
    }

    /// A directory for what the run needs to go on, and the output does not hold.
    Path work() {
        return partial.resolve(WORK);
    }

    /// Nobody can go on with this run: what it has written goes when it is closed.
    public synchronized void discard() {
        hopeless = true;
    }

    /// Makes `text` the journal, if the process is not ending yet. What it speaks of must have reached the disk.
    synchronized void writeJournal(String text) throws IOException {
        if (!left) {
            AtomicFile.replace(work().resolve(JOURNAL), text);
            journaled = true;
        }
    }

    void requireSpace(long bytes) throws IOException {
        long free = Files.getFileStore(partial).getUsableSpace();
        if (free < bytes) {
            throw new InvalidInputException(
                    "%s: the output needs %,d MB and its disk has %,d MB free; make room or choose another -o"
                            .formatted(target, (bytes >> 20) + 1, free >> 20));
        }
    }

    /// Waits until the disk has the names of the files that are there.
    void forceNames() throws IOException {
        Disk.forceDirectory(partial);
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
    /// Wherever this is cut off, it can be done again: the journal, which is the last to stay, tells an output that has
    /// just got its name from one that has been there.
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

    /// Not to be asked of the disk, which may be what failed.
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
                    "%s: an interrupted wanda prune left %s; go on with --resume, or start afresh with --force"
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

    /// The journal goes first: without it nobody takes what is left for a run to go on with.
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
}
