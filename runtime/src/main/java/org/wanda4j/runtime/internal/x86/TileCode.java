package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.ymm;
import static org.wanda4j.runtime.internal.x86.Assembler.zmm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R10;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R11;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R12;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R13;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R14;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R15;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R8;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R9;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RAX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RBP;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RBX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RCX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.RowFrame.LINE;
import static org.wanda4j.runtime.internal.x86.RowFrame.SCALES;
import static org.wanda4j.runtime.internal.x86.RowFrame.both;
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;

import java.util.List;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;

/// Functions that multiply rows of a matrix with many vectors: [#unpack] writes [#ROWS] rows in fp32, by AVX2; [#multiply] multiplies
/// them, by AVX-512.
final class TileCode {

    /// Rows that are multiplied together.
    static final int ROWS = 4;

    /// Where a parameter of [#multiply] is: the address of the rows, bytes from a row or a vector to the next, bytes from the
    /// products with a vector to those with the next.
    static final int ADDRESS = 0;

    static final int WIDTH = 8;
    static final int PITCH = 16;

    /// Bytes of its parameters.
    static final int PARAMETERS = 24;

    private static final int BYTES = 32;
    private static final int PLAIN_WORD = Long.SIZE * Float.BYTES;
    private static final int EIGHTS = Long.SIZE / Avx2Values.EIGHT;

    private TileCode() {}

    /// Writes rows in fp32, one after the other: two rows A, then two rows B, with parameters as in [RowFrame], to [RowFrame.Parameter#VECTOR].
    static byte[] unpack(ValueType type, Density density) {
        var a = new Assembler();
        boolean sparse = density != Density.DENSE;
        var values = new Avx2Values(a, type, sparse);
        float unit = Avx2Values.unit(type);
        Ymm value = ymm(0);
        Ymm room = ymm(1);
        Ymm[] scales = {ymm(2), ymm(3)};
        Ymm upperShorts = ymm(4);
        Ymm units = ymm(5);
        General[] to = {RowFrame.SUMS, RowFrame.FREE[0]};
        RowFrame.start(a, PLAIN_WORD);
        values.start();
        broadcast(a, upperShorts, 0xffff0000);
        broadcast(a, units, Float.floatToRawIntBits(unit));
        a.mov(to[0], RowFrame.X);
        a.mov(to[1], RowFrame.X_END);
        a.add(to[1], RowFrame.X_END);
        a.sub(to[1], RowFrame.X);
        int rows = RowFrame.startRow(a);
        int words = a.alignedHere();
        both(i -> {
            values.startWord(i, value, room);
            if (type.isQuantised()) {
                a.vpbroadcastd(scales[0], at(SCALES[i], 0));
                a.vpandd(scales[1], scales[0], upperShorts);
                a.vpslld(scales[0], scales[0], Short.SIZE);
                a.vmulps(scales[0], scales[0], units);
                a.vmulps(scales[1], scales[1], units);
                a.add(SCALES[i], 2 * Short.BYTES);
            }
            for (int k = 0; k < EIGHTS; k++) {
                values.eight(i, k, value);
                if (type.isQuantised()) {
                    a.vmulps(value, value, scales[k / (EIGHTS / 2)]);
                }
                a.vmovups(at(to[i], k * BYTES), value);
            }
            values.nextWord(i);
            a.add(to[i], PLAIN_WORD);
        });
        RowFrame.nextPlaces(a, density);
        RowFrame.nextWord(a, PLAIN_WORD, words);
        RowFrame.nextRow(a, 0, rows);
        RowFrame.leaveRows(a);
        return a.code();
    }

    /// The most vectors that rows are multiplied with at once: as many sums as there are registers for.
    static final int MOST_VECTORS = 6;

    /// Multiplies [#ROWS] rows with vectors, `vectors` at a time. It takes the addresses of its parameters, of the first vector and of its
    /// products in fp32, and how many times it is to do that.
    ///
    /// @param vectors at most [#MOST_VECTORS]
    static byte[] multiply(int vectors) {
        var a = new Assembler();
        General[] x = {RSI, R12, R13, RBP, R15, RDI};
        General[] row = {R8, R9, R10, R11};
        General y = RDX;
        General left = RCX;
        General rowBytes = RAX;
        General pitch = RBX;
        General place = R14;
        List<General> saved = List.of(pitch, x[1], x[2], x[3], x[4], place);
        Zmm[] some = vectors(0, vectors);
        Zmm value = zmm(vectors);
        Zmm[][] sums = new Zmm[vectors][];
        for (int t = 0; t < vectors; t++) {
            sums[t] = vectors(vectors + 1 + ROWS * t, ROWS);
        }
        saved.forEach(a::push);
        a.mov(row[0], at(RDI, ADDRESS));
        a.mov(rowBytes, at(RDI, WIDTH));
        a.mov(pitch, at(RDI, PITCH));
        next(a, row, ROWS, rowBytes);
        int loop = a.here();
        next(a, x, vectors, rowBytes);
        for (Zmm[] each : sums) {
            RowFrame.clear(a, each);
        }
        a.mov(place, 0);
        int places = a.alignedHere();
        for (int part = 0; part < 2 * LINE; part += LINE) {
            for (int t = 0; t < vectors; t++) {
                a.vmovups(some[t], at(x[t], place, 1, part));
            }
            for (int i = 0; i < ROWS; i++) {
                a.vmovups(value, at(row[i], place, 1, part));
                for (int t = 0; t < vectors; t++) {
                    a.vfmadd231ps(sums[t][i], value, some[t]);
                }
            }
        }
        a.add(place, 2 * LINE);
        a.cmp(place, rowBytes);
        a.jne(places);
        for (Zmm[] each : sums) {
            RowFrame.addUp(a, each);
            RowFrame.storeFour(a, at(y, 0), each[0]);
            a.add(y, pitch);
        }
        a.mov(x[0], x[vectors - 1]);
        a.add(x[0], rowBytes);
        a.add(left, -1);
        a.jne(loop);
        saved.reversed().forEach(a::pop);
        return RowFrame.finish(a);
    }

    private static Zmm[] vectors(int from, int count) {
        return IntStream.range(from, from + count).mapToObj(Assembler::zmm).toArray(Zmm[]::new);
    }

    /// Addresses of what follows the first, `width` bytes each.
    private static void next(Assembler a, General[] addresses, int count, General width) {
        for (int i = 1; i < count; i++) {
            a.mov(addresses[i], addresses[i - 1]);
            a.add(addresses[i], width);
        }
    }
}
