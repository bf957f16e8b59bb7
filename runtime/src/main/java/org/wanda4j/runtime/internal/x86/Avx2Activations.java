package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.lower;
import static org.wanda4j.runtime.internal.x86.Assembler.ymm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RCX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;
import static org.wanda4j.runtime.internal.x86.RowFrame.finish;
import static org.wanda4j.runtime.internal.x86.RowFrame.fold;

import java.util.Arrays;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;

/// Functions of AVX2 that write an activation as whole numbers of 16 bits up to [#LARGEST], each 32 of them with a factor of their own in
/// fp32, for [Avx2RowCode] to multiply.
///
/// They take four numbers: addresses of the activation in fp32 and of room for it, its words, and the bits of the fp32 by which to
/// multiply the factors. A word takes [#WORD] bytes.
final class Avx2Activations {

    /// The largest whole number: four products with bytes that are shifted by 8 add up to less than `2^31`.
    private static final int LARGEST = 16_383;

    /// Bytes of a word.
    static final int WORD = 192;

    /// Where the factors are in a word: eight times that of the first 32 numbers, eight times that of the others.
    static final int FACTORS = 128;

    /// Where they are where each half of a vector belongs to another group, four times each.
    static final int FACTORS_BY_HALVES = 160;

    /// Where [#fours] has what its products are too large by.
    static final int CORRECTION = 128;

    /// A half of a byte is stored as its value plus this, in [#fours]'s view.
    private static final int NIBBLE_BIAS = 8;

    private static final int BYTES = 32;
    private static final int GROUPS = 2;

    /// Evens, in [Assembler#vshufps].
    private static final int EVENS = 0x88;

    private static final int ODDS = 0xdd;

    /// The 64-bit parts 0, 2, 1, 3: in order again, after an instruction that works within 128 bits.
    private static final int IN_ORDER = 0xd8;

    private static final Ymm NO_SIGN = ymm(15);
    private static final Ymm LARGEST_VECTOR = ymm(14);
    private static final Ymm TINY = ymm(13);
    private static final Ymm UNIT = ymm(12);
    private static final Ymm ONE = ymm(11);
    private static final Ymm BIAS = ymm(10);
    private static final Ymm FACTOR = ymm(4);
    private static final Ymm ROOM = ymm(5);

    /// The numbers of a group, 8 in each.
    private static final Ymm[] NUMBERS = {ymm(0), ymm(1), ymm(2), ymm(3)};

    private Avx2Activations() {}

    /// Writes the numbers of a group, and its factor.
    private interface Writer {
        void write(Assembler a, int group);
    }

    /// Eight numbers of the first group, eight of the other, the next eight of the first, and so on.
    static byte[] halves() {
        return each((a, group) -> {
            for (int i = 0; i < 4; i += 2) {
                pack(a, NUMBERS[i], NUMBERS[i], NUMBERS[i + 1]);
                storeHalves(a, NUMBERS[i], i, group);
            }
            a.vmovups(at(RSI, FACTORS_BY_HALVES + group * BYTES / 2), lower(FACTOR));
        });
    }

    /// Of each group the numbers at even places, then the others.
    static byte[] pairs() {
        return each((a, group) -> {
            for (int i = 0; i < 4; i += 2) {
                unzip(a, NUMBERS[i], NUMBERS[i + 1]);
            }
            pack(a, NUMBERS[0], NUMBERS[0], NUMBERS[2]);
            pack(a, NUMBERS[1], NUMBERS[1], NUMBERS[3]);
            for (int i = 0; i < 2; i++) {
                a.vmovups(at(RSI, (2 * group + i) * BYTES), NUMBERS[i]);
            }
            a.vmovups(at(RSI, FACTORS + group * BYTES), FACTOR);
        });
    }

    /// The numbers at places 0, 4, 8, ..., then 1, 5, 9, ... and so on; and -8 times the sum of each 8 of them, which makes up for
    /// halves of bytes that are 8 too large.
    static byte[] fours() {
        return each((a, group) -> {
            Ymm[] n = NUMBERS;
            unzip(a, n[0], n[1]);
            unzip(a, n[2], n[3]);
            unzip(a, n[0], n[2]);
            unzip(a, n[1], n[3]);
            // Those at 0, 1, 2, 3 are now in 0, 1, 2, 3.
            pack(a, n[0], n[0], n[1]);
            pack(a, n[2], n[2], n[3]);
            storeHalves(a, n[0], 0, group);
            storeHalves(a, n[2], 2, group);
            a.vpmaddwd(n[0], n[0], BIAS);
            a.vpmaddwd(n[2], n[2], BIAS);
            a.vpaddd(n[0], n[0], n[2]);
            a.vextracti128(lower(ROOM), n[0]);
            a.vpaddd(lower(n[0]), lower(n[0]), lower(ROOM));
            a.vmovups(at(RSI, CORRECTION + group * BYTES / 2), lower(n[0]));
            a.vmovups(at(RSI, FACTORS_BY_HALVES + group * BYTES / 2), lower(FACTOR));
        });
    }

    private static byte[] each(Writer writer) {
        var a = new Assembler();
        broadcast(a, NO_SIGN, Integer.MAX_VALUE);
        broadcast(a, LARGEST_VECTOR, Float.floatToRawIntBits(LARGEST));
        broadcast(a, TINY, Float.floatToRawIntBits(1e-30f));
        broadcast(a, ONE, Float.floatToRawIntBits(1));
        broadcast(a, BIAS, (-NIBBLE_BIAS << Short.SIZE) | (-NIBBLE_BIAS & 0xffff));
        broadcast(a, UNIT, RCX);
        int loop = a.here();
        for (int group = 0; group < GROUPS; group++) {
            for (int i = 0; i < NUMBERS.length; i++) {
                a.vmovups(NUMBERS[i], at(RDI, (4 * group + i) * BYTES));
            }
            // Of floats without a sign, the larger is the larger number of bits; NaN is larger than
            // all others.
            a.vpandd(FACTOR, NUMBERS[0], NO_SIGN);
            for (Ymm each : Arrays.asList(NUMBERS).subList(1, NUMBERS.length)) {
                a.vpandd(ROOM, each, NO_SIGN);
                a.vpmaxsd(FACTOR, FACTOR, ROOM);
            }
            a.vpmaxsd(FACTOR, FACTOR, TINY);
            fold(a, FACTOR, ROOM, () -> a.vpmaxsd(FACTOR, FACTOR, ROOM));
            a.vdivps(FACTOR, FACTOR, LARGEST_VECTOR);
            a.vdivps(ROOM, ONE, FACTOR);
            a.vmulps(FACTOR, FACTOR, UNIT);
            for (Ymm each : NUMBERS) {
                a.vmulps(each, each, ROOM);
                a.vcvtps2dq(each, each);
            }
            writer.write(a, group);
        }
        a.add(RDI, Long.SIZE * Float.BYTES);
        a.add(RSI, WORD);
        a.add(RDX, -1);
        a.jne(loop);
        return finish(a);
    }

    /// Writes halves of `numbers` to those that `group` has of the vectors `place` and `place + 1`.
    private static void storeHalves(Assembler a, Ymm numbers, int place, int group) {
        int to = place * BYTES + group * BYTES / 2;
        a.vmovups(at(RSI, to), lower(numbers));
        a.vextracti128(lower(ROOM), numbers);
        a.vmovups(at(RSI, to + BYTES), lower(ROOM));
    }

    /// The numbers of 32 bits of `first` and of `second` in 16 bits.
    private static void pack(Assembler a, Ymm to, Ymm first, Ymm second) {
        a.vpackssdw(to, first, second);
        a.vpermq(to, to, IN_ORDER);
    }

    /// Of the 16 numbers in two vectors those at even places come to the first, the others to the second.
    private static void unzip(Assembler a, Ymm first, Ymm second) {
        a.vshufps(ROOM, first, second, EVENS);
        a.vshufps(second, first, second, ODDS);
        a.vpermq(first, ROOM, IN_ORDER);
        a.vpermq(second, second, IN_ORDER);
    }
}
