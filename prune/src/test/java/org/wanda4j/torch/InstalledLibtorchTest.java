package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

/// What the JNI library needs of libtorch.
class InstalledLibtorchTest {

    private final Path jni = Path.of(Loader.load(torch.class));

    @Test
    void theBundledLibtorchHasAllThatTheJniLibraryNeeds() throws IOException {
        assertEquals(List.of(), InstalledLibtorch.missing(jni, symbols("libtorch_cpu.so")));
    }

    /// libc10 defines tensors' storage, and none of their operations.
    @Test
    void whatALibraryLacksIsNamed() throws IOException {
        List<String> missing = InstalledLibtorch.missing(jni, symbols("libc10.so"));
        assertTrue(missing.contains("_ZN2at4_ops8kthvalue4callERKNS_6TensorEN3c106SymIntElb"));
        assertTrue(missing.stream().noneMatch(name -> name.startsWith("_ZN3c1010TensorImpl")));
    }

    @SuppressWarnings("restricted") // It is loaded already.
    private SymbolLookup symbols(String library) {
        return SymbolLookup.libraryLookup(jni.resolveSibling(library), Arena.global());
    }
}
