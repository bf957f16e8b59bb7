package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.lower;
import static org.wanda4j.runtime.internal.x86.Assembler.ymm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.RowFrame.AHEAD;
import static org.wanda4j.runtime.internal.x86.RowFrame.SCALES;
import static org.wanda4j.runtime.internal.x86.RowFrame.VALUES;
import static org.wanda4j.runtime.internal.x86.RowFrame.X;
import static org.wanda4j.runtime.internal.x86.RowFrame.both;
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;

import java.util.List;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Operand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;

/// Functions of AVX2 that multiply rows of a matrix with a vector, within [RowFrame].
///
/// bf16 is multiplied in fp32, as the vector is. Whole numbers are multiplied with those of 16 bits that [Avx2Activations] has written:
/// where all are there, a byte `q` as `256 q`, for it takes a shift to make such numbers of the bytes at even places, and a mask to
/// make them of the others; a half of a byte `q` as `q + 8`, a number of four bits without a sign.
final class Avx2RowCode {

    /// Ratio of a weight's unit to that of the integer that it is multiplied as.
    static float unit(ValueType type, boolean sparse) {
        return switch (type) {
            case INT8, Q8_0 -> sparse ? Avx2Values.unit(type) : 0x1p-8f;
            case INT4, Q4_0 -> sparse ? Avx2Values.unit(type) : 1;
            default -> throw new IllegalArgumentException("no whole numbers: " + type);
        };
    }

    private static final int BYTES = 32;
    private static final int PLAIN_WORD = Long.SIZE * Float.BYTES;
    private static final int EIGHTS = Long.SIZE / Avx2Values.EIGHT;

    private static final Ymm[] SUM = {ymm(12), ymm(13)};

    private static final Ymm UPPER_SHORTS = ymm(9);

    private final Assembler a = new Assembler();
    private final ValueType type;
    private final boolean vnni;
    private final boolean sparse;

    private Avx2RowCode(ValueType type, boolean vnni, Density density) {
        this.type = type;
        this.vnni = vnni;
        this.sparse = density != Density.DENSE;
    }

    /// Rows of `type`, times a vector: of bf16 one of fp32; of bytes one that [Avx2Activations#pairs] has written, of halves of bytes
    /// [Avx2Activations#fours], [Avx2Activations#halves] where they are sparse.
    ///
    /// @param vnni whether the processor has AVX-VNNI
    /// @param bmi2 whether the processor has BMI2, and is fast at it
    static byte[] rows(ValueType type, boolean vnni, boolean bmi2, Density density) {
        var code = new Avx2RowCode(type, vnni, density);
        if (!type.isQuantised()) {
            return bmi2 && code.sparse ? Avx2SparseCode.bf16() : code.bf16();
        }
        if (code.sparse) {
            return code.sparseIntegers();
        }
        return type.isHalves() ? code.int4() : code.int8();
    }

    private byte[] bf16() {
        var values = new Avx2Values(a, ValueType.BF16, sparse);
        Ymm[] row = {ymm(0), ymm(1)};
        Ymm x = ymm(2);
        Ymm[][] sums = {{SUM[0], ymm(4), ymm(5), ymm(6)}, {SUM[1], ymm(7), ymm(8), ymm(9)}};
        RowFrame.start(a, PLAIN_WORD);
        values.start();
        int rows = RowFrame.startRow(a);
        both(i -> RowFrame.clear(a, sums[i]));
        int words = a.alignedHere();
        both(values::startWord);
        for (int k = 0; k < EIGHTS; k++) {
            int part = k;
            a.vmovups(x, at(X, k * BYTES));
            both(i -> values.eight(i, part, row[i]));
            both(i -> a.vfmadd231ps(sums[i][part % 4], row[i], x));
        }
        both(values::nextWord);
        RowFrame.nextPlaces(a, density());
        RowFrame.nextWord(a, PLAIN_WORD, words);
        for (Ymm[] each : sums) {
            a.vaddps(each[0], each[0], each[1]);
            a.vaddps(each[2], each[2], each[3]);
            a.vaddps(each[0], each[0], each[2]);
        }
        RowFrame.endRow(a, SUM, rows);
        values.end();
        RowFrame.end(a, SUM[0]);
        return a.code();
    }

    private byte[] int8() {
        Ymm[] row = {ymm(0), ymm(1)};
        Ymm[] evens = {ymm(2), ymm(3)};
        Ymm[] x = {ymm(6), ymm(7)};
        Ymm upperBytes = ymm(14);
        return integers(
                () -> {
                    broadcast(a, upperBytes, 0xff00ff00);
                    broadcast(a, UPPER_SHORTS, 0xffff0000);
                },
                () -> {
                    both(i -> a.prefetcht0(at(VALUES[i], AHEAD)));
                    for (int group = 0; group < 2; group++) {
                        int at = group * BYTES;
                        a.vmovups(x[0], at(X, 2 * at));
                        a.vmovups(x[1], at(X, 2 * at + BYTES));
                        both(i -> a.vmovups(row[i], at(VALUES[i], at)));
                        both(i -> a.vpsllw(evens[i], row[i], Byte.SIZE));
                        both(i -> a.vpandd(row[i], row[i], upperBytes));
                        both(i -> a.vpmaddwd(evens[i], evens[i], x[0]));
                        both(i -> multiplyAdd(evens[i], row[i], x[1]));
                        addGroup(group, evens, row);
                    }
                    both(i -> a.add(VALUES[i], Long.SIZE));
                });
    }

    private byte[] int4() {
        Ymm[] row = {ymm(0), ymm(1)};
        Ymm[] sums = {ymm(2), ymm(3)};
        Ymm[] part = {ymm(4), ymm(5)};
        Ymm x = ymm(6);
        Ymm bias = ymm(14);
        Ymm lowest = ymm(8);
        Ymm eachScale = ymm(7);
        return integers(
                () -> {
                    broadcast(a, bias, 0x88888888);
                    broadcast(a, lowest, 0x000f000f);
                    a.vmovups(eachScale, a.constant(RowFrame.scalesOrder(type, BYTES)));
                },
                () -> {
                    both(i -> a.prefetcht0(at(VALUES[i], AHEAD)));
                    both(i -> a.vpxord(row[i], bias, at(VALUES[i], 0)));
                    both(i -> a.vmovups(sums[i], at(X, Avx2Activations.CORRECTION)));
                    // Of 16 bits, the halves of bytes at places 0, 1, 2, 3 are at bits 4, 0, 12, 8.
                    halves(4, row, part, lowest);
                    addProducts(0, sums, part, x);
                    halves(0, row, part, lowest);
                    addProducts(1, sums, part, x);
                    halves(8, row, part, lowest);
                    addProducts(3, sums, part, x);
                    both(i -> a.vpsrlw(row[i], row[i], 12));
                    addProducts(2, sums, row, x);
                    addHalves(sums, part, eachScale);
                    both(i -> a.add(VALUES[i], Long.SIZE / 2));
                });
    }

    /// Halves of bytes of 16 bits, from bit `from` on.
    private void halves(int from, Ymm[] row, Ymm[] part, Ymm lowest) {
        if (from == 0) {
            both(i -> a.vpandd(part[i], row[i], lowest));
        } else {
            both(i -> a.vpsrlw(part[i], row[i], from));
            both(i -> a.vpandd(part[i], part[i], lowest));
        }
    }

    /// Adds products with the numbers at places `place`, `place + 4`, ... of a vector.
    private void addProducts(int place, Ymm[] sums, Ymm[] part, Ymm x) {
        a.vmovups(x, at(X, place * BYTES));
        both(i -> multiplyAdd(sums[i], part[i], x));
    }

    private byte[] sparseIntegers() {
        var values = new Avx2Values(a, type, true);
        Ymm[][] row = {{ymm(0), ymm(1)}, {ymm(2), ymm(3)}, {ymm(4), ymm(5)}, {ymm(6), ymm(7)}};
        Ymm[] other = {ymm(8), ymm(9)};
        Ymm[] sums = {ymm(10), ymm(11)};
        Ymm eachScale = ymm(14);
        // Bytes that were halves have one pointer.
        List<List<Integer>> passes =
                type.isHalves() ? List.of(List.of(0), List.of(1)) : List.of(List.of(0, 1));
        return integers(
                () -> {
                    values.start();
                    a.vmovups(eachScale, a.constant(RowFrame.scalesOrder(type, BYTES)));
                },
                () -> {
                    for (List<Integer> pass : passes) {
                        pass.forEach(i -> values.startWord(i, row[0][0], other[0]));
                        for (int k = 0; k < EIGHTS / 2; k++) {
                            int first = k;
                            pass.forEach(i -> values.bytes(i, first, lower(row[first][i])));
                        }
                        for (int k = 0; k < EIGHTS / 2; k++) {
                            int second = EIGHTS / 2 + k;
                            Ymm[] some = row[k];
                            MemoryOperand x = at(X, k * BYTES);
                            pass.forEach(i -> values.bytes(i, second, lower(other[i])));
                            pass.forEach(i ->
                                    a.vpunpcklqdq(lower(some[i]), lower(some[i]), lower(other[i])));
                            pass.forEach(i -> a.vpmovsxbw(some[i], lower(some[i])));
                            if (k == 0) {
                                pass.forEach(i -> a.vpmaddwd(sums[i], some[i], x));
                            } else {
                                pass.forEach(i -> multiplyAdd(sums[i], some[i], x));
                            }
                        }
                        pass.forEach(values::nextWord);
                    }
                    addHalves(sums, other, eachScale);
                });
    }

    /// Rows of whole numbers.
    ///
    /// @param constants sets the registers that hold for the whole function
    /// @param word adds the products of a word to [#SUM]
    private byte[] integers(Runnable constants, Runnable word) {
        RowFrame.start(a, Avx2Activations.WORD);
        constants.run();
        int rows = RowFrame.startRow(a);
        RowFrame.clear(a, SUM);
        int words = a.alignedHere();
        word.run();
        both(i -> a.add(SCALES[i], 2 * Short.BYTES));
        RowFrame.nextPlaces(a, density());
        RowFrame.nextWord(a, Avx2Activations.WORD, words);
        RowFrame.endRow(a, SUM, rows);
        RowFrame.end(a, SUM[0]);
        return a.code();
    }

    /// Adds the products of both groups of columns, one in each half of a vector, times their scales and the factors of the vector.
    private void addHalves(Ymm[] products, Ymm[] room, Ymm eachScale) {
        both(i -> RowFrame.scales(a, type, i, room[i], eachScale));
        both(i -> a.vcvtdq2ps(products[i], products[i]));
        both(i -> a.vmulps(room[i], room[i], at(X, Avx2Activations.FACTORS_BY_HALVES)));
        both(i -> a.vfmadd231ps(SUM[i], products[i], room[i]));
    }

    /// Adds the products of a group of columns, times its scale and the factor of the vector.
    ///
    /// @param group 0 or 1
    private void addGroup(int group, Ymm[] products, Ymm[] room) {
        both(i -> a.vcvtdq2ps(products[i], products[i]));
        both(i -> RowFrame.scale(a, type, i, group, room[i], UPPER_SHORTS));
        both(i -> a.vmulps(room[i], room[i], at(X, Avx2Activations.FACTORS + group * BYTES)));
        both(i -> a.vfmadd231ps(SUM[i], products[i], room[i]));
    }

    /// `sum += row * x`, of 16 bits to 32; `row` may be overwritten.
    private void multiplyAdd(Ymm sum, Ymm row, Operand x) {
        if (vnni) {
            a.vpdpwssd(sum, row, x);
        } else {
            a.vpmaddwd(row, row, x);
            a.vpaddd(sum, sum, row);
        }
    }

    private Density density() {
        return sparse ? Density.SPARSE : Density.DENSE;
    }
}
