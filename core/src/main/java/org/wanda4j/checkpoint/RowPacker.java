package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.IntStream;

/// Writes the rows of a matrix into the segments of a [PackedMatrix] whose row offsets are known.
///
/// A quantised group has the scale `s = max|w| / limit`, rounded up to bf16 so that nothing clips, and
/// `q = round(w / s)`, over the values that are kept.
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

    /// How many values of a row are kept.
    static int count(TensorView weight, int row, ValueType type) {
        MemorySegment data = weight.row(row);
        int count = 0;
        for (int column = 0; column < weight.columns(); column++) {
            count += isKept(weight.type().get(data, column), type) ? 1 : 0;
        }
        return count;
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
        float[] kept = new float[Math.toIntExact(type.padded(target.columns()))];
        int count = target.places().isPresent() ? gatherKept(row, kept) : gatherAll(row, kept);
        long start = target.start(row);
        if (type.isQuantised()) {
            for (int at = 0; at < count; at += ValueType.GROUP) {
                quantise(kept, at, start + at);
            }
        } else {
            for (int at = 0; at < count; at++) {
                target.values().set(SHORT, 2 * (start + at), Bf16.round(kept[at]));
            }
        }
    }

    private int gatherAll(int row, float[] kept) {
        MemorySegment data = weight.row(row);
        for (int column = 0; column < target.columns(); column++) {
            kept[column] = weight.type().get(data, column);
        }
        return target.columns();
    }

    private int gatherKept(int row, float[] kept) {
        MemorySegment data = weight.row(row);
        MemorySegment bitmask = target.places().orElseThrow().bitmask();
        long rowBytes = Math.ceilDiv(target.columns(), Byte.SIZE);
        int count = 0;
        for (int first = 0; first < target.columns(); first += Byte.SIZE) {
            int bits = 0;
            int end = Math.min(first + Byte.SIZE, target.columns());
            for (int column = first; column < end; column++) {
                float value = weight.type().get(data, column);
                int keep = isKept(value, type) ? 1 : 0;
                kept[count] = value; // The next kept one replaces a zero.
                count += keep;
                bits |= keep << (column - first);
            }
            bitmask.set(ValueLayout.JAVA_BYTE, row * rowBytes + first / Byte.SIZE, (byte) bits);
        }
        return count;
    }

    private void quantise(float[] kept, int at, long index) {
        float largest = 0;
        for (int i = 0; i < ValueType.GROUP; i++) {
            largest = Math.max(largest, Math.abs(kept[at + i]));
        }
        if (!Float.isFinite(largest)) {
            throw new InvalidInputException(
                    "tensor %s holds NaN or infinite weights, which %s cannot express"
                            .formatted(weight.name(), type.label()));
        }
        short scale = Bf16.ceil(largest / type.limit());
        target.scales().orElseThrow().set(SHORT, index / ValueType.GROUP * 2, scale);
        for (int i = 0; i < ValueType.GROUP; i++) {
            int q = largest == 0 ? 0 : (int) Math.rint(kept[at + i] / Bf16.toFloat(scale));
            store(index, i, q);
        }
    }

    /// Stores value `i` of the group that starts at value `index`.
    private void store(long index, int i, int q) {
        if (type == ValueType.INT8) {
            target.values().set(ValueLayout.JAVA_BYTE, index + i, (byte) q);
            return;
        }
        int half = ValueType.GROUP / 2;
        long at = index / 2 + i % half;
        int lower = i < half ? 0 : target.values().get(ValueLayout.JAVA_BYTE, at);
        int nibble = (q + 8) << (i < half ? 0 : 4);
        target.values().set(ValueLayout.JAVA_BYTE, at, (byte) (lower | nibble));
    }
}
