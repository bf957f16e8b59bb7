package org.wanda4j.torch;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

/// Where the threads that compute a block spend their time.
public final class KernelTimes {

    /// What a block is made of, besides norms and activation functions.
    public enum Kernel {
        /// Products with weights.
        LINEARS,
        /// Rotation, scores, softmax and what it mixes.
        ATTENTION,
        /// Squares and products of input channels.
        STATISTICS
    }

    private final Map<Kernel, LongAdder> nanos = new EnumMap<>(Kernel.class);

    KernelTimes() {
        for (Kernel kernel : Kernel.values()) {
            nanos.put(kernel, new LongAdder());
        }
    }

    /// Does `work`, in which no other kernel is counted.
    <T> T time(Kernel kernel, Supplier<T> work) {
        long begin = System.nanoTime();
        try {
            return work.get();
        } finally {
            nanos.get(kernel).add(System.nanoTime() - begin);
        }
    }

    /// Seconds that all threads together spent in `kernel`.
    public double seconds(Kernel kernel) {
        return nanos.get(kernel).sum() / 1e9;
    }

    /// Seconds that all threads together spent in each kernel, by its name in lower case.
    public Map<String, Double> seconds() {
        var seconds = new LinkedHashMap<String, Double>();
        for (Kernel kernel : Kernel.values()) {
            seconds.put(kernel.name().toLowerCase(Locale.ROOT), seconds(kernel));
        }
        return seconds;
    }
}
