package org.wanda4j.torch;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.wanda4j.checkpoint.InvalidInputException;

/// The libtorch that computes in this process: the bundled one, or that of an installed PyTorch.
///
/// @param version of PyTorch, `2.11.0`
/// @param directory of the installed PyTorch's libraries; empty for the bundled one
/// @param cuda whether it can compute on a card of NVIDIA's
public record Libtorch(String version, Optional<Path> directory, Cuda cuda) {

    /// The variable of the environment that names the folder `torch/lib` of an installed PyTorch.
    public static final String VARIABLE = "WANDA_LIBTORCH";

    /// What installs a PyTorch that matches, and sets [#VARIABLE] to its libraries.
    public static final String INSTALLATION =
            "pip install 'torch==2.11.*', then export "
                    + VARIABLE
                    + "=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__) + \"/lib\")')";

    /// What a libtorch has of CUDA.
    public sealed interface Cuda {

        /// A build for the CPU.
        record None() implements Cuda {}

        /// A build for CUDA of which a library cannot be loaded.
        ///
        /// @param reason as the system's loader says it
        record Broken(String reason) implements Cuda {}

        /// A build for CUDA.
        record Loaded() implements Cuda {}
    }

    /// A card.
    ///
    /// @param name as the driver says it
    /// @param bytes of its memory
    public record Card(String name, long bytes) {}

    /// Loads libtorch, where it is not loaded yet.
    ///
    /// @throws InvalidInputException when [#VARIABLE] names what cannot be used; with the mend
    public static Libtorch load() {
        return NativeLibraries.load();
    }

    /// The cards that NVIDIA's driver shows to this process, whether libtorch can use them or not; none without a driver.
    public static List<Card> cards() {
        return CudaDriver.cards();
    }

    /// In words, for one line: `2.10.0 (bundled, for the CPU)`.
    public String describe() {
        String build =
                switch (cuda) {
                    case Cuda.None _ -> "for the CPU";
                    case Cuda.Broken _ -> "for CUDA, which cannot be loaded";
                    case Cuda.Loaded _ -> "for CUDA";
                };
        return "%s (%s, %s)"
                .formatted(version, directory.map(it -> "of " + it).orElse("bundled"), build);
    }
}
