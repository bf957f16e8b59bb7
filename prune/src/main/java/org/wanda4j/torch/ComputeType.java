package org.wanda4j.torch;

import java.util.Collections;
import java.util.Locale;
import java.util.Set;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.sparse.ProcessorFeatures;

/// The type in which activations are kept and linears are computed.
public enum ComputeType {
    /// 32-bit floats: exact enough for every use, and the fast one on CPUs without fast bf16 arithmetic.
    FP32(ScalarType.Float, 4),
    /// Brain floats: half the memory, and about twice as fast where the CPU multiplies them.
    BF16(ScalarType.BFloat16, 2);

    private static final Set<String> BF16_FEATURES =
            Set.of(ProcessorFeatures.FAST_AVX512_BF16, "amx_bf16", "bf16", "svebf16");

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

    /// Whether this CPU multiplies bf16 faster than fp32, as far as its features can be read.
    public static boolean multipliesBf16() {
        return !Collections.disjoint(BF16_FEATURES, ProcessorFeatures.current());
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
