package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Files beside a checkpoint's weights that are copied with it.
final class SidecarFiles {

    private static final String WEIGHTS = "(?i).*\\.(safetensors|bin|pt|pth|gguf|onnx|h5|msgpack)";

    private SidecarFiles() {}

    /// Configuration, tokenizer, licence: every plain file, but no weights in other formats, no index of shards, and no
    /// documents of an earlier run.
    static List<Path> of(Checkpoint checkpoint) throws IOException {
        List<Path> sidecars = new ArrayList<>();
        try (var files = Files.newDirectoryStream(checkpoint.directory())) {
            for (Path file : files) {
                String name = String.valueOf(file.getFileName());
                if (Files.isRegularFile(file)
                        && !name.endsWith(".index.json")
                        && !name.startsWith(".")
                        && !name.startsWith("wanda-")
                        && !name.matches(WEIGHTS)) {
                    sidecars.add(file);
                }
            }
        }
        return sidecars;
    }

    static long bytes(List<Path> files) throws IOException {
        long bytes = 0;
        for (Path file : files) {
            bytes += Files.size(file);
        }
        return bytes;
    }
}
