package org.wanda4j.torch;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;
import org.wanda4j.checkpoint.InvalidInputException;

/// libtorch and OpenBLAS, which JavaCPP unpacks at first use into a folder that all processes share; or the libtorch that
/// [Libtorch#VARIABLE] names.
///
/// It may load a library that another process is still writing, and dies of that. So one process at a time loads them.
final class NativeLibraries {

    private static final String LOCK = ".wanda4j.lock";

    private static Optional<Libtorch> loaded = Optional.empty();

    private NativeLibraries() {}

    /// Returns when they are loaded.
    ///
    /// @throws InvalidInputException when the libtorch that was named cannot be used
    static synchronized Libtorch load() {
        if (loaded.isEmpty()) {
            Optional<Path> named =
                    Optional.ofNullable(System.getenv(Libtorch.VARIABLE))
                            .filter(it -> !it.isEmpty())
                            .map(it -> Path.of(it).toAbsolutePath().normalize());
            named.ifPresent(InstalledLibtorch::check);
            named.ifPresent(InstalledLibtorch::prepare);
            loaded =
                    Optional.of(
                            alone(() ->
                                    named.map(InstalledLibtorch::load)
                                            .orElseGet(NativeLibraries::loadBundled)));
        }
        return loaded.get();
    }

    private static Libtorch alone(Supplier<Libtorch> loading) {
        try {
            Path lock = Loader.getCacheDir().toPath().resolve(LOCK);
            try (var channel =
                            FileChannel.open(
                                    lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    var _ = channel.lock()) {
                return loading.get();
            }
        } catch (IOException e) {
            // A file system that cannot lock, or a folder that JavaCPP cannot use either and has a
            // message for.
            return loading.get();
        }
    }

    private static Libtorch loadBundled() {
        Loader.load(openblas.class);
        Loader.load(torch.class);
        return new Libtorch(
                Engine.version().replaceFirst("-.*", ""),
                Optional.empty(),
                new Libtorch.Cuda.None());
    }
}
