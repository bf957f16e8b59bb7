package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.xmm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R10;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R11;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R12;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R13;
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

import java.util.List;
import java.util.stream.IntStream;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Vector;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;

/// Functions on a head's cached keys and values in bf16. The head size is a multiple of 64.
///
/// Positions are in runs; a function takes the address of a table that has three numbers of 64 bits for each: the addresses of its
/// [#KEYS] and its [#VALUES], one position after the other, and how many [#POSITIONS] there are, at least 1. Behind the last run both
/// addresses are 0. While a run is read, the next values are prefetched.
final class AttentionCode {

    /// Offset of a field of a run, in bytes.
    static final int KEYS = 0;

    static final int VALUES = 8;

    static final int POSITIONS = 16;

    /// Bytes of a run.
    static final int RUN = 24;

    private static final int LINE = 64;

    private AttentionCode() {}

    /// Bytes of a table of so many runs.
    static long runsBytes(int runs) {
        return (runs + 1L) * RUN;
    }

    /// Products of a query with keys. It takes the addresses of the query, as [RowCode#split] has written it or in fp32, the table, and
    /// the products in fp32, up to three more of which are written; and the bytes of a key.
    static byte[] dots(Width width) {
        var a = new Assembler();
        General query = RDI;
        General run = RSI;
        General products = RDX;
        General bytes = RCX;
        General part = RAX;
        General end = RBX;
        General left = RBP;
        General[] ahead = {R12, R13};
        General[] keys = {R8, R9, R10, R11};
        List<General> saved = List.of(end, left, ahead[0], ahead[1]);
        Vector key = width.vector(0);
        Vector[] sums = vectors(width, 4);
        saved.forEach(a::push);
        a.mov(end, bytes);
        a.add(end, end);
        a.add(end, query);
        a.mov(keys[0], at(run, KEYS));
        int runs = a.here();
        a.push(products);
        a.mov(ahead[0], at(run, VALUES));
        a.mov(ahead[1], at(run, RUN + KEYS));
        a.mov(left, at(run, POSITIONS));
        a.add(left, 3);
        a.shr(left, 2);
        int fours = a.here();
        a.mov(part, query);
        for (int i = 0; i < 4; i++) {
            a.vpxord(sums[i], sums[i], sums[i]);
            if (i > 0) {
                a.mov(keys[i], keys[i - 1]);
                a.add(keys[i], bytes);
            }
        }
        int parts = a.here();
        for (int i = 0; i < 4; i++) {
            if (width.hasPairs()) {
                a.vmovups(key, at(keys[i], 0));
                a.vdpbf16ps((Zmm) sums[i], (Zmm) key, at(part, 0));
                a.vdpbf16ps((Zmm) sums[i], (Zmm) key, at(part, LINE));
            } else {
                for (int at = 0; at < 2 * LINE; at += width.bytes()) {
                    a.vpmovzxwd(key, at(keys[i], at / 2));
                    a.vpslld(key, key, Short.SIZE);
                    a.vfmadd231ps(sums[i], key, at(part, at));
                }
            }
            a.add(keys[i], LINE);
        }
        for (General each : ahead) {
            for (int i = 0; i < 4; i++) {
                a.prefetcht0(at(each, i * LINE));
            }
            a.add(each, 4 * LINE);
        }
        a.add(part, 2 * LINE);
        a.cmp(part, end);
        a.jne(parts);
        RowFrame.addUp(a, sums);
        RowFrame.storeFour(a, at(products, 0), sums[0]);
        a.add(products, 4 * Float.BYTES);
        a.mov(keys[0], keys[3]);
        a.add(left, -1);
        a.jne(fours);
        a.pop(products);
        a.mov(left, at(run, POSITIONS));
        a.shl(left, 2);
        a.add(products, left);
        a.add(run, RUN);
        a.mov(keys[0], at(run, KEYS));
        a.cmp(keys[0], 0);
        a.jne(runs);
        saved.reversed().forEach(a::pop);
        return RowFrame.finish(a);
    }

    /// The sum of weighted values. It takes the addresses of the weights in fp32, the table, and the sum in fp32; the bytes of a value;
    /// and a number in fp32 that the sum is multiplied with.
    static byte[] mix(Width width) {
        var a = new Assembler();
        General weights = RDI;
        General table = RSI;
        General vector = RDX;
        General bytes = RCX;
        General run = RAX;
        General weight = R8;
        General value = R9;
        General ahead = R10;
        General left = R11;
        General place = RBX;
        Vector factor = width.vector(1);
        Vector part = width.vector(0);
        Vector each = width.vector(2);
        Vector[] sums = vectors(width, 4 * LINE / width.bytes());
        a.push(place);
        a.vbroadcastss(factor, xmm(0));
        a.mov(place, 0);
        int parts = a.here();
        RowFrame.clear(a, sums);
        a.mov(run, table);
        a.mov(weight, weights);
        a.mov(value, at(run, VALUES));
        int runs = a.here();
        a.add(value, place);
        a.mov(ahead, at(run, RUN + VALUES));
        a.add(ahead, place);
        a.mov(left, at(run, POSITIONS));
        int positions = a.here();
        a.vbroadcastss(each, at(weight, 0));
        for (int i = 0; i < sums.length; i++) {
            a.vpmovzxwd(part, at(value, i * width.bytes() / 2));
            a.vpslld(part, part, Short.SIZE);
            a.vfmadd231ps(sums[i], part, each);
        }
        a.prefetcht0(at(ahead, 0));
        a.prefetcht0(at(ahead, LINE));
        a.add(value, bytes);
        a.add(ahead, bytes);
        a.add(weight, Float.BYTES);
        a.add(left, -1);
        a.jne(positions);
        a.add(run, RUN);
        a.mov(value, at(run, VALUES));
        a.cmp(value, 0);
        a.jne(runs);
        for (int i = 0; i < sums.length; i++) {
            a.vmulps(sums[i], sums[i], factor);
            a.vmovups(at(vector, i * width.bytes()), sums[i]);
        }
        a.add(vector, 4 * LINE);
        a.add(place, 2 * LINE);
        a.cmp(place, bytes);
        a.jne(parts);
        a.pop(place);
        return RowFrame.finish(a);
    }

    /// Registers from the fourth on.
    private static Vector[] vectors(Width width, int count) {
        return IntStream.range(4, 4 + count).mapToObj(width::vector).toArray(Vector[]::new);
    }
}
