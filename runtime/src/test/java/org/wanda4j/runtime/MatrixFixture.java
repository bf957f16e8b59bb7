package org.wanda4j.runtime;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.PackedMatrix;
import org.wanda4j.checkpoint.PackedMatrix.SparseIndex;
import org.wanda4j.checkpoint.ValueType;

/// Random matrices of every encoding, written a value at a time; what lies behind the last value is NaN.
public final class MatrixFixture {

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    private final int columns;
    private final ValueType type;
    private final RandomGenerator random;
    private final MemorySegment values;
    private final MemorySegment scales;
    private final MemorySegment bitmask;
    private final MemorySegment offsets;
    private long at;
    private long group;

    private MatrixFixture(
            int rows, int columns, ValueType type, RandomGenerator random, Arena memory) {
        this.columns = columns;
        this.type = type;
        this.random = random;
        long stored = rows * (columns + 32L);
        this.values = memory.allocate(stored * 4 + PackedMatrix.SLACK).fill((byte) 0xff);
        this.scales = memory.allocate(stored + PackedMatrix.SLACK).fill((byte) 0xff);
        this.bitmask = memory.allocate((long) rows * (columns / 8 + 1) + PackedMatrix.SLACK);
        this.offsets = memory.allocate(rows * 8L + PackedMatrix.SLACK);
    }

    /// @param density share of the values that are there; 1 for a matrix without a bitmask
    public static PackedMatrix of(
            int rows,
            int columns,
            ValueType type,
            double density,
            RandomGenerator random,
            Arena memory) {
        var fixture = new MatrixFixture(rows, columns, type, random, memory);
        for (int i = 0; i < rows; i++) {
            fixture.addRow(i, density);
        }
        return new PackedMatrix(
                rows,
                columns,
                type,
                fixture.values,
                type.isQuantised() ? Optional.of(fixture.scales) : Optional.empty(),
                density < 1
                        ? Optional.of(new SparseIndex(fixture.bitmask, fixture.offsets))
                        : Optional.empty());
    }

    private void addRow(int row, double density) {
        offsets.set(LONG, row * 8L, at);
        long rowBytes = Math.ceilDiv(columns, 8);
        for (int j = 0; j < columns; j++) {
            if (density < 1 && j % 64 == 0) {
                fillByte();
            }
            if (density == 1 || random.nextDouble() < density) {
                long index = row * rowBytes + j / 8;
                byte bits = bitmask.get(ValueLayout.JAVA_BYTE, index);
                bitmask.set(ValueLayout.JAVA_BYTE, index, (byte) (bits | 1 << j % 8));
                put(false);
            }
        }
        if (density < 1) {
            fillByte();
        } else {
            while (type.isQuantised() && at % 32 != 0) {
                put(true);
            }
        }
        for (int j = 0; j < columns; j += 32) {
            scales.set(SHORT, group++ * 2, scale());
        }
    }

    /// Every sixteenth is subnormal in fp16.
    private short scale() {
        float scale = random.nextFloat(-1, 1);
        return type.scales() == DType.F16
                ? Float.floatToFloat16(random.nextInt(16) == 0 ? scale * 0x1p-15f : scale)
                : bf16(scale);
    }

    private void fillByte() {
        if (type.isHalves() && at % 2 != 0) {
            put(true);
        }
    }

    private void put(boolean zero) {
        float value = zero ? 0 : (float) random.nextGaussian();
        switch (type) {
            case F32 -> values.set(FLOAT, at * 4, value);
            case F16 -> values.set(SHORT, at * 2, Float.floatToFloat16(value / 1000));
            case BF16 -> values.set(SHORT, at * 2, bf16(value));
            case INT8 ->
                    values.set(
                            ValueLayout.JAVA_BYTE, at, zero ? 0 : (byte) random.nextInt(-127, 128));
            case Q8_0 ->
                    values.set(
                            ValueLayout.JAVA_BYTE, at, zero ? 0 : (byte) random.nextInt(-128, 128));
            case INT4, Q4_0 -> nibble(zero ? 0 : random.nextInt(-8, 8));
        }
        at++;
    }

    private void nibble(int value) {
        int bits = values.get(ValueLayout.JAVA_BYTE, at / 2);
        int changed = at % 2 == 0 ? (bits & 0x0f) | (value << 4) : (bits & 0xf0) | (value & 0x0f);
        values.set(ValueLayout.JAVA_BYTE, at / 2, (byte) changed);
    }

    private static short bf16(float value) {
        return (short) (Float.floatToRawIntBits(value) >>> 16);
    }
}
