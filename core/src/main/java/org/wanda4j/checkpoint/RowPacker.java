package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.IntStream;

/// Writes the rows of a matrix into the segments of a [PackedMatrix] whose row offsets are known and whose other bytes are 0.
///
/// A quantised group of columns has the scale `s = max|w| / limit`, rounded up to bf16 so that nothing clips, and
/// `q = round(w / s)`.
final class RowPacker {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final TensorView weight;
    private final PackedMatrix target;
    private final ValueType type;

    RowPacker(TensorView weight, PackedMatrix target) {
        this.weight = weight;
        this.target = target;
        this.type = target.type();
    }

    /// Size of a sparse row, in values.
    ///
    /// @param kept values that are not dropped
    /// @param stored those, and padding
    record Count(int kept, int stored) {}

    /// What `row` takes where it is stored sparse.
    static Count count(TensorView weight, int row, ValueType type) {
        MemorySegment data = weight.row(row);
        int kept = 0;
        long stored = 0;
        for (int column = 0; column < weight.columns(); column++) {
            if (column % ValueType.RUN == 0) {
                stored = type.filled(stored);
            }
            int keep = isKept(weight.type().get(data, column), type) ? 1 : 0;
            kept += keep;
            stored += keep;
        }
        return new Count(kept, Math.toIntExact(type.filled(stored)));
    }

    /// Not a zero. A negative zero is kept where values keep their bits.
    private static boolean isKept(float value, ValueType type) {
        return type.isQuantised() ? value != 0 : Float.floatToRawIntBits(value) != 0;
    }

    /// Writes every row, on as many threads as there are cores.
    void packAll() {
        IntStream.range(0, target.rows()).parallel().forEach(this::pack);
    }

    private void pack(int row) {
        MemorySegment data = weight.row(row);
        long at = target.start(row);
        float scale = 0;
        for (int column = 0; column < target.columns(); column++) {
            if (type.isQuantised() && column % ValueType.GROUP == 0) {
                scale = storeScale(data, row, column);
            }
            if (column % ValueType.RUN == 0) {
                at = type.filled(at);
            }
            float value = weight.type().get(data, column);
            if (target.sparseIndex().isEmpty()) {
                store(at++, value, scale);
            } else if (isKept(value, type)) {
                mark(target.sparseIndex().get().bitmask(), row, column);
                store(at++, value, scale);
            }
        }
    }

    private void mark(MemorySegment bitmask, int row, int column) {
        long rowBytes = Math.ceilDiv(target.columns(), Byte.SIZE);
        add(bitmask, row * rowBytes + column / Byte.SIZE, 1 << (column % Byte.SIZE));
    }

    /// The scale of the group that starts at `column`. What is not kept does not count: it is zero.
    private float storeScale(MemorySegment data, int row, int column) {
        float largest = 0;
        int end = Math.min(column + ValueType.GROUP, target.columns());
        for (int i = column; i < end; i++) {
            largest = Math.max(largest, Math.abs(weight.type().get(data, i)));
        }
        if (!Float.isFinite(largest)) {
            throw new InvalidInputException(
                    "tensor %s holds NaN or infinite weights, which %s cannot express"
                            .formatted(weight.name(), type.label()));
        }
        short scale = Bf16.ceil(largest / type.limit());
        long index = row * ValueType.groups(target.columns()) + column / ValueType.GROUP;
        target.scales().orElseThrow().set(SHORT, index * Short.BYTES, scale);
        return Bf16.toFloat(scale);
    }

    private void store(long index, float value, float scale) {
        if (!type.isQuantised()) {
            target.values().set(SHORT, index * Short.BYTES, Bf16.round(value));
            return;
        }
        int q = scale == 0 ? 0 : (int) Math.rint(value / scale);
        if (type == ValueType.INT8) {
            target.values().set(ValueLayout.JAVA_BYTE, index, (byte) q);
        } else {
            add(target.values(), index / 2, (index & 1) == 0 ? q << 4 : q & 15);
        }
    }

    /// Sets bits of a byte that was zero at first.
    private static void add(MemorySegment target, long index, int bits) {
        byte before = target.get(ValueLayout.JAVA_BYTE, index);
        target.set(ValueLayout.JAVA_BYTE, index, (byte) (before | bits));
    }
}
