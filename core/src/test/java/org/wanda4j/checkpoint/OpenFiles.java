package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// What this process has open, on Linux.
final class OpenFiles {

    private OpenFiles() {}

    /// Those in `directory`.
    static List<Path> below(Path directory) throws IOException {
        List<Path> open = new ArrayList<>();
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            for (Path descriptor : descriptors.toList()) {
                if (Files.isSymbolicLink(descriptor)) { // The one that listed them is closed.
                    open.add(Files.readSymbolicLink(descriptor));
                }
            }
        }
        open.removeIf(file -> !file.startsWith(directory.toAbsolutePath()));
        return open;
    }
}
