package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/// Files that appear whole or not at all, whenever the process or the machine stops.
public final class AtomicFile {

    private AtomicFile() {}

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
        Files.writeString(next, text);
        Disk.force(next);
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        Disk.forceDirectory(file.toAbsolutePath().getParent());
    }
}
