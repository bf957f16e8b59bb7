package org.wanda4j.checkpoint;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/// How the values of a [PackedMatrix] are stored.
///
/// The quantised types have one scale `s` for each [#GROUP] columns of a row, which may be negative: a value is `q * s`.
public enum ValueType {
    F32(32),
    F16(16),
    BF16(16),
    /// `q` in [-127, 127], a byte each; scales in bf16.
    INT8(8),
    /// `q` in [-8, 7], in two's complement: of two stored values the first is in the upper half of a byte, the second in
    /// its lower half; scales in bf16.
    INT4(4),
    /// As [#INT8], but `q` may be -128, and scales are in fp16: the values of ggml's type of that name.
    Q8_0(8),
    /// As [#INT4], with scales in fp16: the values of ggml's type of that name.
    Q4_0(4);

    /// Columns of a row that share a scale.
    public static final int GROUP = 32;

    /// Columns of a sparse row, a word of its bitmask, whose values begin at a byte.
    public static final int RUN = Long.SIZE;

    private final int bits;

    ValueType(int bits) {
        this.bits = bits;
    }

    /// Size of a value, its share of the scale left out.
    public int bits() {
        return bits;
    }

    /// The type of scales, where there are some.
    public DType scales() {
        return this == Q8_0 || this == Q4_0 ? DType.F16 : DType.BF16;
    }

    /// Whether two values share a byte.
    public boolean isHalves() {
        return bits < Byte.SIZE;
    }

    /// The type of equal values in an ordinary checkpoint; of those of int8 and int4, which have more digits than that, the nearest.
    DType decoded() {
        return switch (this) {
            case F32, Q8_0, Q4_0 -> DType.F32;
            case F16 -> DType.F16;
            case BF16, INT8, INT4 -> DType.BF16;
        };
    }

    /// Whether values have scales, and each dense row is filled up to whole groups.
    public boolean isQuantised() {
        return bits < Short.SIZE;
    }

    /// What embedding and head are stored in beside linears of this type, where nothing else is said.
    public ValueType ofTables() {
        return this == INT4 ? INT8 : this;
    }

    /// Whether a checkpoint can be packed in this type.
    boolean isPacked() {
        return this == BF16 || this == INT8 || this == INT4;
    }

    /// The largest `q` of a quantised type.
    int highest() {
        return (1 << (bits - 1)) - 1;
    }

    /// The least `q` of a quantised type.
    int lowest() {
        return this == INT4 ? -8 : -highest();
    }

    /// How many values a dense row of `columns` stores: whole groups where the type is quantised.
    public long padded(long columns) {
        return isQuantised() ? groups(columns) * GROUP : columns;
    }

    /// How many values a run of a sparse row stores for `count` that are kept: whole bytes.
    long filled(long count) {
        return isHalves() ? count + (count & 1) : count;
    }

    /// How many scales a row of `columns` has where the type is quantised.
    public static long groups(long columns) {
        return Math.ceilDiv(columns, GROUP);
    }

    /// Bytes of the `stored` values of a dense row, and of their scales.
    public long bytes(long stored) {
        return stored * bits / Byte.SIZE + (isQuantised() ? groups(stored) * scales().bytes() : 0);
    }

    /// The type of the elements of an ordinary tensor.
    ///
    /// @throws IllegalArgumentException when they are not of a weight type
    static ValueType of(DType elements) {
        return switch (elements) {
            case F32 -> F32;
            case F16 -> F16;
            case BF16 -> BF16;
            default -> throw new IllegalArgumentException("not a weight type: " + elements);
        };
    }

    /// The type that is spelt `label`, where there is one.
    static Optional<ValueType> of(String label) {
        return Arrays.stream(values()).filter(type -> type.label().equals(label)).findFirst();
    }

    /// As the command line and file headers spell it.
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
