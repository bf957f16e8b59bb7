package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.stream.IntStream;

/// Writes the rows of a matrix into the segments of a [PackedMatrix] whose row offsets are known and whose other bytes are 0.
///
/// Quantised rows have the scales that they were rounded with, or those that the [ValueGrid] finds.
final class RowPacker {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final TensorView weight;
    private final PackedMatrix target;
    private final ValueType type;
    private final RoundedRow[] rounded;

    /// @param rounded what some of the rows were rounded to
    RowPacker(TensorView weight, PackedMatrix target, List<RoundedMatrix> rounded) {
        this.weight = weight;
        this.target = target;
        this.type = target.type();
        this.rounded = new RoundedRow[rounded.isEmpty() ? 0 : target.rows()];
        for (RoundedMatrix matrix : rounded) {
            for (int row = 0; row < matrix.weight().rows(); row++) {
                this.rounded[matrix.view().row(row)] = new RoundedRow(matrix, row);
            }
        }
    }

    private record RoundedRow(RoundedMatrix matrix, int row) {}

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
        if (type.isQuantised()) {
            packQuantised(row);
            return;
        }
        MemorySegment data = weight.row(row);
        long at = target.start(row);
        for (int column = 0; column < target.columns(); column++) {
            float value = weight.type().get(data, column);
            if (target.sparseIndex().isEmpty() || isKept(value, type)) {
                mark(row, column);
                target.values().set(SHORT, at++ * Short.BYTES, Bf16.round(value));
            }
        }
    }

    private void packQuantised(int row) {
        var grid = new ValueGrid(type);
        float[] original = read(row);
        float[] values = original;
        float[] scales;
        if (rounded.length > 0 && rounded[row] != null) {
            values = rounded[row].matrix.row(rounded[row].row);
            scales = rounded[row].matrix.scalesOf(rounded[row].row);
        } else {
            scales = grid.scales(original);
        }
        storeScales(row, scales);
        long at = target.start(row);
        for (int column = 0; column < target.columns(); column++) {
            if (column % ValueType.RUN == 0) {
                at = type.filled(at);
            }
            if (target.sparseIndex().isEmpty() || isKept(original[column], type)) {
                mark(row, column);
                store(at++, grid.number(values[column], scales[column / ValueType.GROUP]));
            }
        }
    }

    /// A row in fp32.
    private float[] read(int row) {
        MemorySegment data = weight.row(row);
        float[] values = new float[target.columns()];
        for (int column = 0; column < values.length; column++) {
            values[column] = weight.type().get(data, column);
            if (!Float.isFinite(values[column])) {
                throw new InvalidInputException(
                        "tensor %s holds NaN or infinite weights, which %s cannot express"
                                .formatted(weight.name(), type.label()));
            }
        }
        return values;
    }

    private void mark(int row, int column) {
        target.sparseIndex()
                .ifPresent(index -> {
                    long rowBytes = Math.ceilDiv(target.columns(), Byte.SIZE);
                    add(
                            index.bitmask(),
                            row * rowBytes + column / Byte.SIZE,
                            1 << (column % Byte.SIZE));
                });
    }

    private void storeScales(int row, float[] scales) {
        long at = row * ValueType.groups(target.columns()) * Short.BYTES;
        for (float scale : scales) {
            target.scales().orElseThrow().set(SHORT, at, Bf16.round(scale));
            at += Short.BYTES;
        }
    }

    private void store(long index, int q) {
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
