package org.wanda4j.checkpoint;

import java.io.File;
import java.nio.file.Path;

/// How much room a disk has.
///
/// `Files.getFileStore` says it too, but fails where the file system has no mount point that the process sees, as in a chroot.
public final class FreeSpace {

    private FreeSpace() {}

    /// Bytes that this process may still write to the disk that `directory` is on; `Long.MAX_VALUE` where nothing is known of it, and the
    /// disk says itself when it is full.
    public static long of(Path directory) {
        File file = directory.toFile();
        return file.getTotalSpace() == 0 ? Long.MAX_VALUE : file.getUsableSpace();
    }
}
