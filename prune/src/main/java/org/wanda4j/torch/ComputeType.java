package org.wanda4j.torch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The type in which activations are kept and linears are computed.
public enum ComputeType {
    /// 32-bit floats: exact enough for every use, and the fast one on CPUs without bf16 arithmetic.
    FP32(ScalarType.Float, 4),
    /// Brain floats: half the memory, and about twice as fast where the CPU multiplies them.
    BF16(ScalarType.BFloat16, 2);

    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    private static final Set<String> BF16_FLAGS =
            Set.of("avx512_bf16", "amx_bf16", "bf16", "svebf16");

    private final ScalarType scalar;
    private final int bytes;

    ComputeType(ScalarType scalar, int bytes) {
        this.scalar = scalar;
        this.bytes = bytes;
    }

    ScalarType scalar() {
        return scalar;
    }

    /// Size of one value in bytes.
    public int bytes() {
        return bytes;
    }

    /// The faster of the two on this CPU.
    public static ComputeType fastest() {
        return multipliesBf16() ? BF16 : FP32;
    }

    /// Whether this CPU multiplies bf16 in hardware, as far as its flags can be read.
    public static boolean multipliesBf16() {
        try (var lines = Files.lines(CPU_INFO)) {
            return lines.filter(line -> line.startsWith("flags") || line.startsWith("Features"))
                    .limit(1)
                    .flatMap(line -> Arrays.stream(line.split("\\s+")))
                    .anyMatch(BF16_FLAGS::contains);
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
