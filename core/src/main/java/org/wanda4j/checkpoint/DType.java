package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/// Element type of a tensor, as safetensors names it.
public enum DType {
    F64(8),
    F32(4),
    F16(2),
    BF16(2),
    I64(8),
    I32(4),
    I16(2),
    I8(1),
    U64(8),
    U32(4),
    U16(2),
    U8(1),
    BOOL(1),
    F8_E4M3(1),
    F8_E5M2(1);

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final Map<String, DType> BY_NAME =
            Arrays.stream(values()).collect(Collectors.toUnmodifiableMap(DType::name, it -> it));

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /// Size of one element in bytes.
    public int bytes() {
        return bytes;
    }

    /// Whether a model can be computed from, and pruned in, this type: bf16, fp16 or fp32.
    public boolean isWeight() {
        return this == BF16 || this == F16 || this == F32;
    }

    /// The type that safetensors calls `name`.
    public static Optional<DType> of(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }

    /// The elements of little-endian `data` as floats. Exact for every weight type.
    ///
    /// @throws IllegalArgumentException when this is not a weight type
    public float[] floats(MemorySegment data) {
        return switch (this) {
            case F32 -> data.toArray(FLOAT);
            case BF16, F16 -> {
                short[] bits = data.toArray(SHORT);
                float[] values = new float[bits.length];
                for (int i = 0; i < bits.length; i++) {
                    values[i] = value(bits[i]);
                }
                yield values;
            }
            default -> throw noWeight();
        };
    }

    /// Element `index` of little-endian `data` as a float. Exact for every weight type.
    ///
    /// @throws IllegalArgumentException when this is not a weight type
    public float get(MemorySegment data, long index) {
        return switch (this) {
            case F32 -> data.get(FLOAT, index * 4);
            case BF16, F16 -> value(data.get(SHORT, index * 2));
            default -> throw noWeight();
        };
    }

    private float value(short bits) {
        return this == BF16 ? Bf16.toFloat(bits) : Float.float16ToFloat(bits);
    }

    private IllegalArgumentException noWeight() {
        return new IllegalArgumentException("not a weight type: " + this);
    }
}
