package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/// Element type of a tensor in a GGUF file. Values of a quantised type lie in blocks, each with its own scale.
///
/// Numbers and layouts are those of ggml (`ggml.h`, `ggml-common.h`, `ggml-quants.c`).
public enum GgmlType {
    F32(0, 1, 4),
    F16(1, 1, 2),
    Q4_0(2, 32, 18),
    Q4_1(3, 32, 20),
    Q5_0(6, 32, 22),
    Q5_1(7, 32, 24),
    Q8_0(8, 32, 34),
    Q4_K(12, 256, 144),
    Q5_K(13, 256, 176),
    Q6_K(14, 256, 210),
    BF16(30, 1, 2);

    private final int code;
    private final int blockValues;
    private final int blockBytes;

    GgmlType(int code, int blockValues, int blockBytes) {
        this.code = code;
        this.blockValues = blockValues;
        this.blockBytes = blockBytes;
    }

    /// The type's number in a file.
    public int code() {
        return code;
    }

    /// Values of a block.
    public int blockValues() {
        return blockValues;
    }

    /// Bytes of a block.
    public int blockBytes() {
        return blockBytes;
    }

    /// Whether values are rounded to a grid with a scale for each block.
    public boolean isQuantised() {
        return blockValues > 1;
    }

    /// The type of this number.
    public static Optional<GgmlType> of(int code) {
        return Arrays.stream(values()).filter(type -> type.code == code).findFirst();
    }

    /// The name in lower case, as ggml's tools write it.
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// Bytes of `values` values.
    ///
    /// @param values a multiple of [#blockValues()]
    public long bytes(long values) {
        return Math.multiplyExact(values / blockValues, (long) blockBytes);
    }

    /// The type of equal values in a checkpoint: fp32 for a quantised type, whose values are products of an fp16 and a small
    /// number.
    public DType decoded() {
        return switch (this) {
            case F16 -> DType.F16;
            case BF16 -> DType.BF16;
            default -> DType.F32;
        };
    }

    /// Whether [#encode] writes it.
    public boolean isWritten() {
        return switch (this) {
            case F32, F16, BF16, Q8_0, Q4_0, Q4_K -> true;
            default -> false;
        };
    }

    /// Decodes blocks, with the same roundings as ggml.
    ///
    /// @param data from `offset` on at least as many blocks as `values` has
    /// @param values as many as some whole blocks have
    public void decode(MemorySegment data, long offset, float[] values) {
        GgmlBlocks.decode(this, data, offset, values);
    }

    /// Encodes blocks: each value is rounded to the nearest one of its block's grid.
    ///
    /// @param values as many as some whole blocks have
    /// @param data receives them, from `offset` on
    /// @throws IllegalArgumentException for a type that is only read
    public void encode(float[] values, MemorySegment data, long offset) {
        GgmlBlocks.encode(this, values, data, offset);
    }
}
