package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/// Files beside a checkpoint's weights that are copied with it.
final class SidecarFiles {

    static final String QUANTISATION = "quantization_config";

    static final String CONFIG = "config.json";

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

    /// Copies `files` to `output`; `config.json` without what it says of quantisation.
    static void copy(List<Path> files, OutputDirectory output) throws IOException {
        for (Path file : files) {
            String name = String.valueOf(file.getFileName());
            Optional<ObjectNode> plain = name.equals(CONFIG) ? plain(file) : Optional.empty();
            if (plain.isPresent()) {
                output.write(name, Json.write(plain.get()));
            } else {
                output.copy(file, name);
            }
        }
    }

    /// The configuration without what it says of quantisation, where it says something: beside plain weights it would have
    /// them read as what they are not.
    static Optional<ObjectNode> plain(Path config) {
        ObjectNode node = (ObjectNode) Json.read(config);
        boolean changed = node.remove(QUANTISATION) != null;
        if (node.get("text_config") instanceof ObjectNode decoder) {
            changed |= decoder.remove(QUANTISATION) != null;
        }
        return changed ? Optional.of(node) : Optional.empty();
    }

    static long bytes(List<Path> files) throws IOException {
        long bytes = 0;
        for (Path file : files) {
            bytes += Files.size(file);
        }
        return bytes;
    }
}
