package org.wanda4j.torch;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.torch.Libtorch.Cuda;

/// The libraries of an installed PyTorch, which are loaded before those of the bundled libtorch would be: the JNI library then takes
/// them by their names.
///
/// Whether they match it is found out before: by their version, and by whether they define all that it needs.
final class InstalledLibtorch {

    /// Releases that the JNI library was seen to compute with.
    private static final List<String> TRIED = List.of("2.10", "2.11");

    /// What the JNI library needs for functions that nothing here calls, and 2.11 does not define.
    private static final Set<String> UNUSED =
            Set.of(
                    "_ZN2at7Context30setCheckSparseTensorInvariantsEb",
                    "_ZNK2at7Context27checkSparseTensorInvariantsEv",
                    "_ZN3c1013MessageLoggerC1EPKciib",
                    "_ZN4c10d7ReducerC1ESt6vectorIN2at6TensorESaIS3_EES1_IS1_ImSaImEESaIS7_EEN3c1013intrusive_ptrINS_12ProcessGroupENSA_6detail34intrusive_target_default_null_typeISC_EEEES1_IbSaIbEElbbSt13unordered_mapImNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESt4hashImESt8equal_toImESaISt4pairIKmSP_EEElbb");

    private static final byte[] ELF = {0x7f, 'E', 'L', 'F'};
    private static final String CPU_LIBRARY = "libtorch_cpu.so";
    private static final String CUDA_LIBRARY = "libtorch_cuda.so";

    private final Path directory;

    private InstalledLibtorch(Path directory) {
        this.directory = directory;
    }

    /// Has JavaCPP look into `directory` first. To be called before it is used for anything.
    ///
    /// What it unpacks lies in a folder apart: beside the JNI library it makes links to the libraries that it has loaded.
    static void prepare(Path directory) {
        String cache =
                System.getProperty(
                        "org.bytedeco.javacpp.cachedir",
                        Path.of(System.getProperty("user.home"), ".javacpp", "cache").toString());
        System.setProperty("org.bytedeco.javacpp.pathsFirst", "true");
        System.setProperty(
                "org.bytedeco.javacpp.cachedir",
                cache + File.separator + "libtorch-%08x".formatted(directory.hashCode()));
        System.setProperty("java.library.path", "");
    }

    /// Loads the libraries in `directory`.
    ///
    /// @throws InvalidInputException when they cannot be used
    static Libtorch load(Path directory) {
        return new InstalledLibtorch(directory).load();
    }

    private Libtorch load() {
        Loader.load(openblas.class); // Bundled, whatever PyTorch multiplies with.
        loadLibrary("libc10.so");
        loadLibrary(CPU_LIBRARY);
        SymbolLookup library = symbols(directory.resolve(CPU_LIBRARY));
        String version = version(library);
        requireTried(version);
        requireAll(library);
        Cuda cuda = loadCuda();
        System.setProperty("java.library.path", directory.toString());
        try {
            Loader.load(torch.class);
        } catch (UnsatisfiedLinkError e) {
            throw unusable("does not match: " + e.getMessage(), e);
        }
        if (!Loader.getLoadedLibraries()
                .getOrDefault("torch_cpu", "")
                .startsWith(directory.toString())) {
            throw new IllegalStateException(
                    "this process used JavaCPP before, so it has loaded the bundled libtorch");
        }
        return new Libtorch(version, Optional.of(directory), cuda);
    }

    /// Refuses what holds no libraries of this system.
    static void check(Path directory) {
        var installed = new InstalledLibtorch(directory);
        if (!System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux")) {
            throw installed.unusable("is for Linux alone; unset it", null);
        }
        for (String name : List.of("libc10.so", CPU_LIBRARY)) {
            if (!isLibrary(directory.resolve(name))) {
                throw installed.unusable("there is no library " + name + " in that folder", null);
            }
        }
    }

    private static boolean isLibrary(Path file) {
        try (InputStream content = Files.newInputStream(file)) {
            return Arrays.equals(content.readNBytes(ELF.length), ELF);
        } catch (IOException e) {
            return false;
        }
    }

    @SuppressWarnings("restricted") // The user names the folder.
    private void loadLibrary(String name) {
        try {
            System.load(directory.resolve(name).toString());
        } catch (UnsatisfiedLinkError e) {
            throw unusable("cannot be loaded: " + e.getMessage(), e);
        }
    }

    /// Libraries for CUDA belong to packages of their own, which may be missing: then the CPU computes.
    @SuppressWarnings("restricted") // The user names the folder.
    private Cuda loadCuda() {
        Path library = directory.resolve(CUDA_LIBRARY);
        if (!Files.exists(library)) {
            return new Cuda.None();
        }
        try {
            System.load(library.toString());
            return new Cuda.Loaded();
        } catch (UnsatisfiedLinkError e) {
            return new Cuda.Broken(String.valueOf(e.getMessage()));
        }
    }

    @SuppressWarnings("restricted") // It is loaded already.
    private static SymbolLookup symbols(Path library) {
        return SymbolLookup.libraryLookup(library, Arena.global());
    }

    /// As the library says it itself, in its upper bytes: major, minor, patch.
    @SuppressWarnings("restricted") // Nothing in, a number out.
    private String version(SymbolLookup library) {
        return library.find("aoti_torch_abi_version")
                .map(function -> {
                    try {
                        long number =
                                (long)
                                        Linker.nativeLinker()
                                                .downcallHandle(
                                                        function,
                                                        FunctionDescriptor.of(
                                                                ValueLayout.JAVA_LONG))
                                                .invokeExact();
                        return "%d.%d.%d"
                                .formatted(
                                        number >>> 56, number >>> 48 & 0xff, number >>> 40 & 0xff);
                    } catch (Throwable e) {
                        throw new IllegalStateException(CPU_LIBRARY, e);
                    }
                })
                .orElseThrow(() ->
                        unusable("does not say its version, as PyTorch does since 2.9", null));
    }

    private void requireTried(String version) {
        if (TRIED.stream().noneMatch(it -> version.startsWith(it + "."))) {
            throw unusable(
                    "it is of PyTorch %s, and the JNI library of libtorch %s matches %s"
                            .formatted(version, Engine.version(), String.join(" and ", TRIED)),
                    null);
        }
    }

    private void requireAll(SymbolLookup library) {
        List<String> missing;
        try {
            Path jni =
                    Loader.cacheResource(torch.class, Loader.getPlatform() + "/libjnitorch.so")
                            .toPath();
            missing = missing(jni, library);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (!missing.isEmpty()) {
            throw unusable(
                    "it lacks %,d functions that the JNI library of libtorch %s needs, such as %s"
                            .formatted(missing.size(), Engine.version(), missing.getFirst()),
                    null);
        }
    }

    /// What the JNI library needs and `library`, with those that it is linked to, does not define.
    static List<String> missing(Path jni, SymbolLookup library) throws IOException {
        return ElfSymbols.needed(jni).stream()
                .filter(name -> !UNUSED.contains(name) && library.find(name).isEmpty())
                .toList();
    }

    private InvalidInputException unusable(String what, Throwable cause) {
        return new InvalidInputException(
                "%s=%s: %s; %s; without %s the bundled libtorch computes, on the CPU"
                        .formatted(
                                Libtorch.VARIABLE,
                                directory,
                                what,
                                Libtorch.INSTALLATION,
                                Libtorch.VARIABLE),
                cause);
    }
}
