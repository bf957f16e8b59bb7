package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.wanda4j.torch.Libtorch.Card;

/// NVIDIA's driver, asked for the cards that there are: libtorch for the CPU knows of none.
final class CudaDriver {

    private static final String LIBRARY = "libcuda.so.1";
    private static final int LONGEST_NAME = 256;

    private final SymbolLookup library;

    private CudaDriver(SymbolLookup library) {
        this.library = library;
    }

    /// None where there is no driver, or it fails.
    @SuppressWarnings("restricted") // The driver of the system.
    static List<Card> cards() {
        try (Arena memory = Arena.ofConfined()) {
            // For good: the driver does not bear being unloaded.
            return new CudaDriver(SymbolLookup.libraryLookup(LIBRARY, Arena.global()))
                    .cards(memory);
        } catch (IllegalArgumentException e) {
            return List.of();
        }
    }

    private List<Card> cards(Arena memory) {
        MemorySegment number = memory.allocate(ValueLayout.JAVA_LONG);
        if (!call("cuInit", 0) || !call("cuDeviceGetCount", number)) {
            return List.of();
        }
        int count = number.get(ValueLayout.JAVA_INT, 0);
        List<Card> cards = new ArrayList<>();
        for (int i = 0; i < count && call("cuDeviceGet", number, i); i++) {
            int device = number.get(ValueLayout.JAVA_INT, 0);
            MemorySegment name = memory.allocate(LONGEST_NAME);
            if (call("cuDeviceGetName", name, LONGEST_NAME, device)
                    && call("cuDeviceTotalMem_v2", number, device)) {
                cards.add(new Card(name.getString(0), number.get(ValueLayout.JAVA_LONG, 0)));
            }
        }
        return cards;
    }

    /// Whether the function is there and succeeds.
    ///
    /// @param arguments numbers and memory
    @SuppressWarnings("restricted") // As cuda.h declares them.
    private boolean call(String function, Object... arguments) {
        MemoryLayout[] types =
                Stream.of(arguments)
                        .map(it ->
                                it instanceof Integer ? ValueLayout.JAVA_INT : ValueLayout.ADDRESS)
                        .toArray(MemoryLayout[]::new);
        return library.find(function)
                .map(address ->
                        Linker.nativeLinker()
                                .downcallHandle(
                                        address,
                                        FunctionDescriptor.of(ValueLayout.JAVA_INT, types)))
                .map(handle -> {
                    try {
                        return (int) handle.invokeWithArguments(arguments) == 0;
                    } catch (Throwable e) {
                        throw new IllegalStateException(function, e);
                    }
                })
                .orElse(false);
    }
}
