package org.wanda4j.torch;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;

/// libtorch and OpenBLAS, which JavaCPP unpacks at first use into a folder that all processes share.
///
/// It may load a library that another process is still writing, and dies of that. So one process at a time loads them.
final class NativeLibraries {

    private static final String LOCK = ".wanda4j.lock";

    static {
        try {
            Path lock = Loader.getCacheDir().toPath().resolve(LOCK);
            try (var channel =
                            FileChannel.open(
                                    lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    var _ = channel.lock()) {
                unpackAndLoad();
            }
        } catch (IOException e) {
            // A file system that cannot lock, or a folder that JavaCPP cannot use either and has a
            // message for.
            unpackAndLoad();
        }
    }

    private NativeLibraries() {}

    /// Returns when they are loaded.
    static void load() {
        // The class is initialised.
    }

    private static void unpackAndLoad() {
        Loader.load(openblas.class);
        Loader.load(torch.class);
    }
}
