package org.wanda4j.runtime.x86;

import static org.wanda4j.runtime.x86.Assembler.R10;
import static org.wanda4j.runtime.x86.Assembler.R11;
import static org.wanda4j.runtime.x86.Assembler.R8;
import static org.wanda4j.runtime.x86.Assembler.R9;
import static org.wanda4j.runtime.x86.Assembler.RAX;
import static org.wanda4j.runtime.x86.Assembler.RBX;
import static org.wanda4j.runtime.x86.Assembler.RCX;
import static org.wanda4j.runtime.x86.Assembler.RDI;
import static org.wanda4j.runtime.x86.Assembler.RDX;
import static org.wanda4j.runtime.x86.Assembler.RSI;
import static org.wanda4j.runtime.x86.Assembler.at;
import static org.wanda4j.runtime.x86.Assembler.each;
import static org.wanda4j.runtime.x86.Assembler.zmm;

import org.wanda4j.runtime.x86.Assembler.General;
import org.wanda4j.runtime.x86.Assembler.Zmm;

/// Functions that read what a head of attention keeps in bf16, position after position. A head is a multiple of 64 wide.
public final class AttentionCode {

    private static final int LINE = 64;

    private AttentionCode() {}

    /// Products of a query with keys, four at a time. It takes five numbers: addresses of the query, as [RowCode#split] has written it, the
    /// keys, and the products in fp32; how many fours of keys there are; the bytes of a key.
    public static byte[] dots() {
        var a = new Assembler();
        General query = RDI;
        General products = RDX;
        General left = RCX;
        General bytes = R8;
        General part = RAX;
        General end = RBX;
        General[] keys = {RSI, R9, R10, R11};
        Zmm key = zmm(0);
        Zmm[] sums = {zmm(4), zmm(5), zmm(6), zmm(7)};
        a.push(end);
        a.mov(end, bytes);
        a.add(end, end);
        a.add(end, query);
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
            a.vmovups(key, at(keys[i], 0));
            a.vdpbf16ps(sums[i], key, at(part, 0));
            a.vdpbf16ps(sums[i], key, at(part, LINE));
            a.add(keys[i], LINE);
        }
        a.add(part, 2 * LINE);
        a.cmp(part, end);
        a.jne(parts);
        RowCode.addUp(a, sums);
        a.vmovupsQuarter(at(products, 0), sums[0]);
        a.add(products, 4 * Float.BYTES);
        a.mov(keys[0], keys[3]);
        a.add(left, -1);
        a.jne(fours);
        a.pop(end);
        return RowCode.finish(a);
    }

    /// Adds weighted values to a vector. It takes five numbers: addresses of the weights in fp32, the values, and the vector in fp32; how
    /// many values there are; the bytes of a value.
    public static byte[] mix() {
        var a = new Assembler();
        General weights = RDI;
        General values = RSI;
        General vector = RDX;
        General count = RCX;
        General bytes = R8;
        General parts = RAX;
        General value = R9;
        General weight = R10;
        General left = R11;
        Zmm part = zmm(0);
        Zmm[] sums = {zmm(4), zmm(5), zmm(6), zmm(7)};
        a.mov(parts, bytes);
        a.shr(parts, Integer.numberOfTrailingZeros(2 * LINE));
        int loop = a.here();
        for (int i = 0; i < 4; i++) {
            a.vmovups(sums[i], at(vector, i * LINE));
        }
        a.mov(value, values);
        a.mov(weight, weights);
        a.mov(left, count);
        int positions = a.here();
        for (int i = 0; i < 4; i++) {
            a.vpmovzxwd(part, at(value, i * LINE / 2));
            a.vpslld(part, part, Short.SIZE);
            a.vfmadd231ps(sums[i], part, each(weight, 0));
        }
        a.add(value, bytes);
        a.add(weight, Float.BYTES);
        a.add(left, -1);
        a.jne(positions);
        for (int i = 0; i < 4; i++) {
            a.vmovups(at(vector, i * LINE), sums[i]);
        }
        a.add(vector, 4 * LINE);
        a.add(values, 2 * LINE);
        a.add(parts, -1);
        a.jne(loop);
        return RowCode.finish(a);
    }
}
