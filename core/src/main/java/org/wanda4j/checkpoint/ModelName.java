package org.wanda4j.checkpoint;

import java.nio.file.Path;
import java.util.Optional;

/// What people call the model in a directory or a file.
public final class ModelName {

    private static final String SNAPSHOTS = "snapshots";
    private static final String MODEL = "models--";

    private ModelName() {}

    /// The directory's own name; of a folder in the cache of Hugging Face's tools, `models--ORG--NAME` or a snapshot
    /// `models--ORG--NAME/snapshots/COMMIT`, the model's name on the hub, `ORG/NAME`, with `:FILE` behind for a file in a snapshot; of a
    /// directory that a GGUF file was imported to, the file's name.
    public static String of(Path model) {
        Path absolute = model.toAbsolutePath().normalize();
        return ofSnapshot(absolute.getParent())
                .map(id -> id + ":" + name(absolute))
                .or(() -> ofSnapshot(absolute))
                .or(() -> ofFolder(absolute))
                .or(() -> GgufCache.fileOf(absolute))
                .orElse(name(absolute));
    }

    private static Optional<String> ofSnapshot(Path snapshot) {
        Path snapshots = snapshot == null ? null : snapshot.getParent();
        return snapshots != null && snapshots.endsWith(SNAPSHOTS)
                ? ofFolder(snapshots.getParent())
                : Optional.empty();
    }

    private static Optional<String> ofFolder(Path folder) {
        return folder != null && name(folder).startsWith(MODEL)
                ? Optional.of(name(folder).substring(MODEL.length()).replace("--", "/"))
                : Optional.empty();
    }

    private static String name(Path directory) {
        return String.valueOf(directory.getFileName());
    }
}
