package org.wanda4j.checkpoint;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/// How the values of a [PackedMatrix] are stored.
///
/// The quantised types come in groups of [#GROUP] values with one bf16 scale `s`: a value is `q * s`.
public enum ValueType {
    F32(32),
    F16(16),
    BF16(16),
    /// `q` in [-127, 127], a byte each.
    INT8(8),
    /// `q` in [-7, 7], stored as `q + 8`: byte `i` of a group holds value `i` in its lower half and value
    /// `i + GROUP / 2` in its upper half.
    INT4(4);

    /// Values that share a scale.
    public static final int GROUP = 32;

    private final int bits;

    ValueType(int bits) {
        this.bits = bits;
    }

    /// Size of a value, its share of the scale left out.
    public int bits() {
        return bits;
    }

    /// Whether values have scales, and each row is filled up to whole groups.
    public boolean isQuantised() {
        return bits < Short.SIZE;
    }

    /// Whether a checkpoint can be packed in this type.
    boolean isPacked() {
        return bits <= Short.SIZE && this != F16;
    }

    /// The largest `q` of a quantised type.
    int limit() {
        return (1 << (bits - 1)) - 1;
    }

    /// How many values are stored for `count` that are there: whole groups where the type is quantised.
    public long padded(long count) {
        return isQuantised() ? Math.ceilDiv(count, GROUP) * GROUP : count;
    }

    /// Bytes of `count` stored values and their scales.
    public long bytes(long count) {
        return count * bits / Byte.SIZE + (isQuantised() ? count / GROUP * DType.BF16.bytes() : 0);
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
