package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.zmm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.RowFrame.LINE;
import static org.wanda4j.runtime.internal.x86.RowFrame.MOST_ROWS;
import static org.wanda4j.runtime.internal.x86.RowFrame.SCALES;
import static org.wanda4j.runtime.internal.x86.RowFrame.SUMS;
import static org.wanda4j.runtime.internal.x86.RowFrame.X;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;

/// Functions that multiply rows of a matrix with several vectors, with the parameters of [RowCode].
///
/// The vectors are interleaved: 64 values of each, then the next 64 of each. For bf16 they are as [RowCode#split] writes
/// them, [#MOST_VECTORS] of them as [RowCode#round] does where the processor multiplies bf16, for integers in fp32. Products with a vector are [#PITCH] bytes behind those with the one before.
final class BlockCode {

    /// The most vectors that a function takes.
    static final int MOST_VECTORS = 8;

    static final int PITCH = (MOST_ROWS + 4) * Float.BYTES;

    /// What half of a byte is of the byte whose upper half it is.
    private static final float INT4_UNIT = 0x1p-4f;

    /// Sums of each row, one for each vector.
    private static final int SUMS_BYTES = (MOST_ROWS + 4) * MOST_VECTORS * Float.BYTES + LINE;

    private static final Zmm VECTOR = zmm(11);
    private static final Zmm UPPER_SHORTS = zmm(12);
    private static final Zmm UNIT = zmm(10);

    private final int vectors;
    private final Width width;
    private final boolean rounded;
    private final int partBytes;
    private final int wordBytes;
    private final Zmm[][] sums = new Zmm[2][];

    /// @param vectors how many are multiplied together, 4 or 8
    BlockCode(int vectors, Width width) {
        this.vectors = vectors;
        this.width = width;
        this.rounded = width.hasPairs() && vectors == MOST_VECTORS;
        this.partBytes = Long.SIZE * (rounded ? Short.BYTES : Float.BYTES);
        this.wordBytes = vectors * partBytes;
        for (int i = 0; i < 2; i++) {
            int first = 16 + i * vectors;
            sums[i] =
                    IntStream.range(first, first + vectors)
                            .mapToObj(Assembler::zmm)
                            .toArray(Zmm[]::new);
        }
    }

    /// Number of vectors.
    int vectors() {
        return vectors;
    }

    /// Copies a vector to its place, for rows in bf16.
    byte[] copy() {
        return rounded ? RowCode.round(wordBytes) : RowCode.split(width, wordBytes);
    }

    /// Bytes of 64 values of a vector.
    int partBytes() {
        return partBytes;
    }

    /// Bytes of the vectors, of `words` words.
    long bytes(int words) {
        return (long) words * wordBytes;
    }

    /// Rows of `type`.
    byte[] rows(ValueType type, Density density) {
        return type.isQuantised() ? integers(type, density) : bf16(density);
    }

    private byte[] bf16(Density density) {
        var a = new Assembler();
        RowFrame.start(a, wordBytes);
        if (!width.hasPairs()) {
            RowFrame.broadcast(a, UPPER_SHORTS, 0xffff0000);
        }
        int rows = RowFrame.startRow(a);
        clear(a);
        int words = a.alignedHere();
        Zmm[] row = {zmm(0), zmm(1)};
        Zmm[] evens = {zmm(2), zmm(3)};
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < 2; i++) {
                RowCode.shorts(a, density, half, i, row[i]);
                if (!width.hasPairs()) {
                    RowCode.floats(a, row[i], evens[i], UPPER_SHORTS);
                }
            }
            int parts = rounded ? 1 : 2;
            for (int part = 0; part < parts; part++) {
                Zmm[] floats = part == 0 ? evens : row;
                for (int t = 0; t < vectors; t++) {
                    a.vmovups(VECTOR, at(X, t * partBytes + (half * parts + part) * LINE));
                    for (int i = 0; i < 2; i++) {
                        if (width.hasPairs()) {
                            a.vdpbf16ps(sums[i][t], row[i], VECTOR);
                        } else {
                            a.vfmadd231ps(sums[i][t], floats[i], VECTOR);
                        }
                    }
                }
            }
        }
        return end(a, density, words, rows);
    }

    private byte[] integers(ValueType type, Density density) {
        var a = new Assembler();
        RowFrame.start(a, wordBytes);
        RowCode.upperNibbles(a);
        RowFrame.broadcast(a, UPPER_SHORTS, 0xffff0000);
        RowFrame.broadcast(a, UNIT, Float.floatToRawIntBits(INT4_UNIT));
        int rows = RowFrame.startRow(a);
        clear(a);
        int words = a.alignedHere();
        Zmm[][] parts = {{zmm(0), zmm(1)}, {zmm(2), zmm(3)}, {zmm(4), zmm(5)}, {zmm(6), zmm(7)}};
        Zmm[] scales = {zmm(8), zmm(9)};
        for (int i = 0; i < 2; i++) {
            Zmm row = parts[0][i];
            RowCode.bytes(a, density, type.isHalves(), i, row, scales[0]);
            scales(a, type, i, scales);
            for (int part = 3; part >= 0; part--) {
                Zmm some = parts[part][i];
                if (part > 0) {
                    a.vextracti32x4(some, row, part);
                }
                a.vpmovsxbd(some, part > 0 ? some : row);
                a.vcvtdq2ps(some, some);
                a.vmulps(some, some, scales[part / 2]);
            }
        }
        for (int part = 0; part < 4; part++) {
            for (int t = 0; t < vectors; t++) {
                a.vmovups(VECTOR, at(X, t * partBytes + part * LINE));
                a.vfmadd231ps(sums[0][t], parts[part][0], VECTOR);
                a.vfmadd231ps(sums[1][t], parts[part][1], VECTOR);
            }
        }
        return end(a, density, words, rows);
    }

    /// Loads the scales of the next word of row A or B, in fp32.
    private static void scales(Assembler a, ValueType type, int i, Zmm[] scales) {
        for (int half = 0; half < 2; half++) {
            RowFrame.scale(a, type, i, half, scales[half], UPPER_SHORTS);
            if (type.isHalves()) {
                a.vmulps(scales[half], scales[half], UNIT);
            }
        }
        a.add(SCALES[i], 2 * Short.BYTES);
    }

    private void clear(Assembler a) {
        RowFrame.clear(a, sums[0]);
        RowFrame.clear(a, sums[1]);
    }

    private byte[] end(Assembler a, Density density, int words, int rows) {
        RowFrame.nextPlaces(a, density);
        RowFrame.nextWord(a, wordBytes, words);
        for (int i = 0; i < 2; i++) {
            for (int t = 0; t < vectors; t += 4) {
                RowFrame.addUp(a, Arrays.copyOfRange(sums[i], t, t + 4));
                a.vmovupsQuarter(at(SUMS, i * SUMS_BYTES + t * Float.BYTES), sums[i][t]);
            }
        }
        RowFrame.nextRow(a, vectors * Float.BYTES, rows);
        RowFrame.end(a, SUMS_BYTES, vectors * Float.BYTES, (from, to) -> transpose(a, from, to));
        return a.code();
    }

    /// From the sums of four rows to those of a vector.
    private void transpose(Assembler a, General from, General to) {
        Zmm[] x = {zmm(0), zmm(1), zmm(2), zmm(3)};
        Zmm[] y = {zmm(4), zmm(5), zmm(6), zmm(7)};
        for (int i = 0; i < 4; i++) {
            a.vmovups(x[i], at(from, i * vectors * Float.BYTES));
        }
        a.vunpcklps(y[0], x[0], x[1]);
        a.vunpckhps(y[1], x[0], x[1]);
        a.vunpcklps(y[2], x[2], x[3]);
        a.vunpckhps(y[3], x[2], x[3]);
        a.vunpcklpd(x[0], y[0], y[2]);
        a.vunpckhpd(x[1], y[0], y[2]);
        a.vunpcklpd(x[2], y[1], y[3]);
        a.vunpckhpd(x[3], y[1], y[3]);
        for (int t = 0; t < vectors; t++) {
            if (t == 4) {
                for (Zmm each : x) {
                    a.vshuff32x4(each, each, each, RowFrame.SWAP_NEIGHBOURS);
                }
            }
            a.vmovupsQuarter(at(to, t * PITCH), x[t % 4]);
        }
    }
}
