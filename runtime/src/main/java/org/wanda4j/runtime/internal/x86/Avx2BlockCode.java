package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.lower;
import static org.wanda4j.runtime.internal.x86.Assembler.ymm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.RowFrame.MOST_ROWS;
import static org.wanda4j.runtime.internal.x86.RowFrame.SCALES;
import static org.wanda4j.runtime.internal.x86.RowFrame.SUMS;
import static org.wanda4j.runtime.internal.x86.RowFrame.X;
import static org.wanda4j.runtime.internal.x86.RowFrame.both;
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;

import java.util.List;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;

/// Functions of AVX2 that multiply rows of a matrix with two to four vectors in fp32, within [RowFrame].
///
/// Vectors are interleaved: 64 values of each of [#MOST_VECTORS], then the next 64 of each. Products with a vector are [BlockCode#PITCH]
/// bytes behind those with the one before.
final class Avx2BlockCode {

    /// The most vectors that a function takes, and as many as are interleaved.
    static final int MOST_VECTORS = 4;

    /// Bytes of 64 values of a vector.
    static final int PART = Long.SIZE * Float.BYTES;

    /// Bytes of a word of all vectors.
    static final int WORD = MOST_VECTORS * PART;

    private static final int BYTES = 32;
    private static final int EIGHTS = Long.SIZE / Avx2Values.EIGHT;
    private static final int FOUR_BYTES = 4 * Float.BYTES;

    /// Sums of each row, one for each vector; they are read by four.
    private static final int SUMS_BYTES = (MOST_ROWS + 4) * FOUR_BYTES;

    private static final Ymm[] ROW = {ymm(0), ymm(1)};
    private static final Ymm VECTOR = ymm(2);
    private static final Ymm[][] SUM = {
        {ymm(3), ymm(4), ymm(5), ymm(6)}, {ymm(7), ymm(8), ymm(9), ymm(10)}
    };
    private static final Ymm[] SCALE = {ymm(11), ymm(12)};
    private static final Ymm UNIT = ymm(13);
    private static final Ymm UPPER_SHORTS = ymm(14);

    private final Assembler a = new Assembler();
    private final ValueType type;
    private final Density density;
    private final int vectors;

    private Avx2BlockCode(ValueType type, Density density, int vectors) {
        this.type = type;
        this.density = density;
        this.vectors = vectors;
    }

    /// Rows of `type` by 2 to [#MOST_VECTORS] vectors.
    static byte[] multiply(ValueType type, Density density, int vectors) {
        return new Avx2BlockCode(type, density, vectors).multiply();
    }

    private byte[] multiply() {
        var values = new Avx2Values(a, type, density != Density.DENSE);
        // Bytes that were halves have one pointer.
        List<List<Integer>> passes =
                type.isHalves() ? List.of(List.of(0), List.of(1)) : List.of(List.of(0, 1));
        RowFrame.start(a, WORD);
        values.start();
        broadcast(a, UPPER_SHORTS, 0xffff0000);
        broadcast(a, UNIT, Float.floatToRawIntBits(Avx2Values.unit(type)));
        int rows = RowFrame.startRow(a);
        both(i -> RowFrame.clear(a, SUM[i]));
        int words = a.alignedHere();
        for (List<Integer> pass : passes) {
            pass.forEach(i -> values.startWord(i, ROW[i], VECTOR));
            for (int k = 0; k < EIGHTS; k++) {
                multiplyEight(values, pass, k);
            }
            pass.forEach(values::nextWord);
        }
        if (type.isQuantised()) {
            both(i -> a.add(SCALES[i], 2 * Short.BYTES));
        }
        RowFrame.nextPlaces(a, density);
        RowFrame.nextWord(a, WORD, words);
        both(i -> {
            RowFrame.addUp(a, SUM[i]);
            a.vmovups(at(SUMS, i * SUMS_BYTES), lower(SUM[i][0]));
        });
        RowFrame.nextRow(a, FOUR_BYTES, rows);
        RowFrame.end(a, SUMS_BYTES, FOUR_BYTES, this::transpose);
        return a.code();
    }

    /// @param rows A, B, or both
    /// @param k which eight columns of a word
    private void multiplyEight(Avx2Values values, List<Integer> rows, int k) {
        boolean scaled = type.isQuantised();
        if (scaled && k % (EIGHTS / 2) == 0) {
            rows.forEach(i -> loadScale(i, k / (EIGHTS / 2)));
        }
        rows.forEach(i -> values.eight(i, k, ROW[i]));
        if (scaled) {
            rows.forEach(i -> a.vmulps(ROW[i], ROW[i], SCALE[i]));
        }
        for (int t = 0; t < vectors; t++) {
            Ymm[] sums = {SUM[0][t], SUM[1][t]};
            a.vmovups(VECTOR, at(X, t * PART + k * BYTES));
            rows.forEach(i -> a.vfmadd231ps(sums[i], ROW[i], VECTOR));
        }
    }

    /// Loads the scale of the first or of the second half of a word.
    private void loadScale(int i, int half) {
        RowFrame.scale(a, type, i, half, SCALE[i], UPPER_SHORTS);
        if (type.isHalves()) {
            a.vmulps(SCALE[i], SCALE[i], UNIT);
        }
    }

    /// From the sums of four rows to those of each vector.
    private void transpose(General from, General to) {
        Ymm[] ofRows = {ymm(0), ymm(1), ymm(2), ymm(3)};
        Ymm[] ofVectors = {ymm(4), ymm(5), ymm(6), ymm(7)};
        for (int i = 0; i < ofRows.length; i++) {
            a.vmovups(lower(ofRows[i]), at(from, i * FOUR_BYTES));
        }
        PanelLayout.transpose(a, ofRows, ofVectors);
        for (int t = 0; t < vectors; t++) {
            a.vmovups(at(to, t * BlockCode.PITCH), lower(ofVectors[t]));
        }
    }
}
