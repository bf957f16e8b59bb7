package org.wanda4j.sparse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/// What makes a processor faster, by the names that Linux has for its features; those that it has but is slow at are left out.
public final class ProcessorFeatures {

    /// No name of Linux's: a sum of products of pairs of bf16 (`vdpbf16ps`, of `avx512_bf16`) takes no longer than one in fp32. So it is with
    /// AMD's processors; with Intel's it takes four times as long.
    public static final String FAST_AVX512_BF16 = "fast_avx512_bf16";

    /// The processor family from which on AMD's are fast at BMI2's `pdep`; before, it takes longer than what it saves.
    private static final int ZEN_3 = 0x19;

    private static final Set<String> CURRENT = read();

    private ProcessorFeatures() {}

    /// Those of this machine's first processor. Elsewhere than on Linux none: Java cannot find them without native code.
    public static Set<String> current() {
        return CURRENT;
    }

    private static Set<String> read() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return of(lines.takeWhile(line -> !line.isBlank()).toList());
        } catch (IOException e) {
            return Set.of();
        }
    }

    /// @param cpuinfo what Linux says of the processor, a `name: value` each
    static Set<String> of(List<String> cpuinfo) {
        Map<String, String> values = new HashMap<>();
        for (String line : cpuinfo) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                values.put(line.substring(0, colon).strip(), line.substring(colon + 1).strip());
            }
        }
        // "flags" on x86-64, "Features" on aarch64
        String names = values.getOrDefault("flags", values.getOrDefault("Features", ""));
        Set<String> features = new HashSet<>(List.of(names.split("\\s+")));
        features.remove("");
        boolean intel = "GenuineIntel".equals(values.get("vendor_id"));
        if (!intel && family(values.getOrDefault("cpu family", "")) < ZEN_3) {
            features.remove("bmi2");
        }
        if (!intel && features.contains("avx512_bf16")) {
            features.add(FAST_AVX512_BF16);
        }
        return Set.copyOf(features);
    }

    private static int family(String number) {
        return number.matches("\\d{1,4}") ? Integer.parseInt(number) : 0;
    }
}
