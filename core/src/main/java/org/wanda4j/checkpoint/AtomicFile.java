package org.wanda4j.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/// Files that appear whole or not at all, whenever the process or the machine stops.
public final class AtomicFile {

    /// Bytes in which a mark is looked for.
    private static final int BEGINNING = 1024;

    private AtomicFile() {}

    /// Checks, before long work, that [#write] may write `file`: it is not there, or was written by this program.
    ///
    /// @param mark what this program writes at the beginning of such a file
    /// @param made a directory that will be there by then
    /// @throws InvalidInputException when something else is there, or no directory for it
    public static void check(Path file, String mark, Path made) {
        if (Disk.exists(file) && !hasMark(file, mark)) {
            throw new InvalidInputException(
                    file
                            + " is there, and wanda4j did not write it, so it is not replaced; choose another name");
        }
        Path directory = file.toAbsolutePath().normalize().getParent();
        if (!Files.isDirectory(directory) && !directory.equals(made.toAbsolutePath().normalize())) {
            throw new InvalidInputException(file + ": there is no directory " + directory);
        }
    }

    private static boolean hasMark(Path file, String mark) {
        if (!Files.isRegularFile(file)) {
            return false;
        }
        try (InputStream in = Files.newInputStream(file)) {
            return new String(in.readNBytes(BEGINNING), StandardCharsets.UTF_8).contains(mark);
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + file + ": " + Reason.of(e), e);
        }
    }

    /// Writes `text` to `file` in UTF-8: to a temporary file beside it, which is forced to the disk and renamed.
    ///
    /// @throws InvalidInputException when it cannot be written
    public static void write(Path file, String text) {
        try {
            replace(file, text);
        } catch (IOException e) {
            throw new InvalidInputException("cannot write " + file + ": " + Reason.of(e), e);
        }
    }

    /// The same, with the failure as it is.
    static void replace(Path file, String text) throws IOException {
        Path next = file.resolveSibling(file.getFileName() + ".new");
        try {
            Files.writeString(next, text);
            Disk.force(next);
            Files.move(
                    next,
                    file,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            Files.deleteIfExists(next);
            throw e;
        }
        Disk.forceDirectory(file.toAbsolutePath().getParent());
    }
}
