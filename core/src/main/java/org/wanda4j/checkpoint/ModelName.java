package org.wanda4j.checkpoint;

import java.nio.file.Path;

/// What people call the model in a directory.
public final class ModelName {

    private static final String SNAPSHOTS = "snapshots";
    private static final String MODEL = "models--";

    private ModelName() {}

    /// The directory's own name; of a folder in the cache of Hugging Face's tools, `models--ORG--NAME` or a snapshot
    /// `models--ORG--NAME/snapshots/COMMIT`, the model's name on the hub, `ORG/NAME`; of a directory that a GGUF file was imported to, the
    /// file's name.
    public static String of(Path directory) {
        Path absolute = directory.toAbsolutePath().normalize();
        Path parent = absolute.getParent();
        boolean isSnapshot = parent != null && parent.endsWith(SNAPSHOTS);
        Path model = isSnapshot ? parent.getParent() : absolute;
        String cached = name(model);
        return cached.startsWith(MODEL)
                ? cached.substring(MODEL.length()).replace("--", "/")
                : GgufCache.fileOf(absolute).orElse(name(absolute));
    }

    private static String name(Path directory) {
        return String.valueOf(directory.getFileName());
    }
}
