package org.wanda4j.runtime.internal.x86;

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
import static org.wanda4j.runtime.internal.x86.RowFrame.both;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Vector;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;

/// Functions that multiply rows with panels of vectors, both as [PanelLayout] has them, by AVX2 or AVX-512 as its width says.
///
/// A number of a row is broadcast, and multiplied with the numbers of the vectors at its place: no sum has to be added up in the end.
/// Sums of whole numbers are multiplied with the scale of the row and the factors of the vectors after each step, and added up in
/// fp32. Of [PanelLayout#BYTES], which has a vector twice, numbers of two rows are broadcast together.
///
/// A function takes the addresses of its parameters, 64 bits each, and of the product of the first row with the first vector, in fp32.
/// The products of a vector with rows follow each other, but for those with the second half of a group's.
final class PanelCode {

    /// Where a parameter is: the address of the rows, and bytes from a row to the next.
    static final int ROWS = 0;

    static final int ROW_BYTES = 8;

    /// Address of the first panel, and bytes from a panel to the next.
    static final int PANELS = 16;

    static final int PANEL_BYTES = 24;

    /// Steps of a row.
    static final int STEPS = 32;

    /// How many times [#rows] there are.
    static final int GROUPS = 40;

    /// Bytes from the products with a vector to those with the next.
    static final int PITCH = 48;

    /// Address of what is prefetched, and bytes by which to advance with each step of each group of rows: [#aheadBytes] or 0.
    static final int AHEAD = 56;

    static final int AHEAD_BYTES = 64;

    /// Bytes from the products with the first four rows of a group to those with the next four.
    static final int NEXT_FOUR = 72;

    private static final int LINE = 64;
    private static final int ROOM = 128;
    private static final int MOST_SUMS = 24;

    /// The most vectors that are multiplied at once.
    static final int MOST_VECTORS = 3 * LINE / Float.BYTES;

    /// Bytes of the parameters, and of room behind them.
    static final int PARAMETERS = ROOM + MOST_SUMS * LINE;

    private static final int FOUR = 4;

    private static final General Y = RSI;
    private static final General Y_PITCH = RDX;
    private static final General LEFT = RCX;
    private static final General NEXT = RAX;
    private static final General NEXT_BYTES = RBP;
    private static final General PANEL = RBX;
    private static final General X = R9;
    private static final General ROW = R10;
    private static final General THREE_ROWS = R11;
    private static final General GROUPS_LEFT = R12;
    private static final General FIRST = R13;
    private static final General SCALES = R15;

    /// Where the rows 0 and 4 of a group are.
    private static final General[] PLACE = {R8, R14};

    /// Where the products with rows B go, when they are written.
    private static final General Y_B = X;

    private static final List<General> SAVED = List.of(RBX, RBP, R12, R13, R14, R15);

    private final Assembler a = new Assembler();
    private final PanelLayout layout;
    private final boolean vnni;
    private final int panels;
    private final int rows;
    private final int bytes;
    private final Vector[][] sums;

    /// Sums in fp32 of those of whole numbers; empty where they are in memory, for want of registers, and in [#sums] after a step.
    private final Vector[] totals;

    private final Vector[] x;

    /// Registers without a use of their own: one or more.
    private final Vector[] free;

    private PanelCode(PanelLayout layout, boolean vnni, int panels) {
        this.layout = layout;
        this.vnni = vnni;
        this.panels = panels;
        this.rows = rows(layout, panels);
        this.bytes = layout.width().bytes();
        this.sums = new Vector[layout == PanelLayout.BYTES ? rows / 2 : rows][];
        for (int i = 0; i < sums.length; i++) {
            sums[i] = registers(i * panels, panels);
        }
        int summed = sums.length * panels;
        this.x = registers(summed, panels);
        int used = summed + panels;
        int all = layout.width().registers();
        int kept = layout.isWhole() && used + summed + FOUR <= all ? summed : 0;
        this.totals = registers(all - kept, kept);
        this.free = registers(used, all - kept - used);
    }

    private Vector[] registers(int from, int count) {
        return IntStream.range(from, from + count)
                .mapToObj(layout.width()::vector)
                .toArray(Vector[]::new);
    }

    /// Rows that are multiplied with so many panels at once.
    static int rows(PanelLayout layout, int panels) {
        boolean many = layout.width() != Width.YMM || (panels == 1 && !layout.isWhole());
        return many ? 2 * FOUR : FOUR;
    }

    /// What is read in a step of [#rows] where a value has so many bits, at most 16.
    static int aheadBytes(PanelLayout layout, int panels) {
        int bytes = layout.isWhole() ? 1 : Short.BYTES;
        return rows(layout, panels) * layout.columns() * bytes;
    }

    /// @param vnni whether the processor has AVX-VNNI
    /// @param panels that are multiplied at once, at most [PanelLayout#mostPanels]
    static byte[] multiply(PanelLayout layout, boolean vnni, int panels) {
        return new PanelCode(layout, vnni, panels).multiply();
    }

    private byte[] multiply() {
        SAVED.forEach(a::push);
        if (layout == PanelLayout.NIBBLES) {
            RowFrame.broadcast(a, ones(), 0x00010001);
        }
        load(FIRST, ROWS);
        load(ROW, ROW_BYTES);
        load(PANEL, PANEL_BYTES);
        load(GROUPS_LEFT, GROUPS);
        load(Y_PITCH, PITCH);
        load(NEXT, AHEAD);
        load(NEXT_BYTES, AHEAD_BYTES);
        a.lea(THREE_ROWS, at(ROW, ROW, 2, 0));
        int groups = a.here();
        a.mov(PLACE[0], FIRST);
        a.lea(PLACE[1], at(FIRST, ROW, FOUR, 0));
        load(X, PANELS);
        load(LEFT, STEPS);
        if (layout.isWhole()) {
            a.mov(SCALES, LEFT);
            a.shl(SCALES, Integer.numberOfTrailingZeros(layout.rowStep()));
            a.add(SCALES, FIRST);
        }
        RowFrame.clear(a, totals);
        for (Vector[] each : sums) {
            RowFrame.clear(a, each);
        }
        if (layout.isWhole() && totals.length == 0) {
            for (int i = 0; i < sums.length * panels; i++) {
                a.vmovups(room(i), sums[0][0]);
            }
        }
        int steps = a.alignedHere();
        for (int i = 0; i < aheadBytes(layout, panels); i += LINE) {
            a.prefetcht1(at(NEXT, i));
        }
        a.add(NEXT, NEXT_BYTES);
        if (layout.isOfBytes()) {
            stepOfBytes();
        } else if (layout.isWhole()) {
            stepOfIntegers();
        } else {
            stepOfFloats();
        }
        a.add(X, layout.panelStep());
        if (layout.isWhole()) {
            a.add(SCALES, layout.isOfBytes() ? BytePanels.SCALES_BYTES : Float.BYTES);
        }
        for (int i = 0; i < rows / FOUR; i++) {
            a.add(PLACE[i], layout.rowStep());
        }
        a.add(LEFT, -1);
        a.jne(steps);
        store();
        a.lea(FIRST, at(FIRST, ROW, rows, 0));
        a.add(GROUPS_LEFT, -1);
        a.jne(groups);
        SAVED.reversed().forEach(a::pop);
        return RowFrame.finish(a);
    }

    private void load(General to, int parameter) {
        a.mov(to, at(RDI, parameter));
    }

    private void stepOfFloats() {
        for (int k = 0; k < layout.numbers(); k++) {
            loadPanels(k);
            for (int i = 0; i < rows; i++) {
                Vector row = free[i % free.length];
                a.vbroadcastss(row, number(i, k));
                for (int p = 0; p < panels; p++) {
                    if (layout == PanelLayout.PAIRS) {
                        a.vdpbf16ps((Zmm) sums[i][p], (Zmm) row, x[p]);
                    } else {
                        a.vfmadd231ps(sums[i][p], row, x[p]);
                    }
                }
            }
        }
    }

    private void stepOfIntegers() {
        Vector[] row = {free[0], free[1]};
        if (layout.bias() > 0) {
            startWithCorrections(layout.numbers() + 1);
        }
        for (int k = 0; k < layout.numbers(); k++) {
            loadPanels(k);
            for (int i = 0; i < rows; i += 2) {
                for (int j = 0; j < 2; j++) {
                    a.vpbroadcastd(row[j], number(i + j, k));
                }
                for (int p = 0; p < panels; p++) {
                    Vector some = x[p];
                    Vector[] sum = {sums[i][p], sums[i + 1][p]};
                    addProducts(sum, row, some, k == 0);
                }
            }
        }
        for (int i = 0; i < rows; i++) {
            if (layout == PanelLayout.NIBBLES) {
                a.vpmaddwd(sums[i][0], sums[i][0], ones());
            }
            total(i, layout.numbers());
        }
    }

    /// `sum += row * x` for two rows, of whole numbers.
    ///
    /// @param first whether it is the first in a step
    private void addProducts(Vector[] sum, Vector[] row, Vector x, boolean first) {
        Vector[] product = {free[2], free[3]};
        switch (layout) {
            case NARROW_BYTES -> both(j -> a.vpdpbusd(sum[j], row[j], x));
            case NIBBLES -> {
                both(j -> a.vpmaddubsw(product[j], row[j], x));
                both(j -> a.vpaddw(sum[j], sum[j], product[j]));
            }
            default -> {
                if (first) {
                    both(j -> a.vpmaddwd(sum[j], row[j], x));
                } else if (vnni) {
                    both(j -> a.vpdpwssd(sum[j], row[j], x));
                } else {
                    both(j -> a.vpmaddwd(product[j], row[j], x));
                    both(j -> a.vpaddd(sum[j], sum[j], product[j]));
                }
            }
        }
    }

    /// Has 1 in each 16 bits; lies above what [#store] uses.
    private Vector ones() {
        return free[free.length - 1];
    }

    /// Has in the sums what makes up for the bias of the rows' numbers.
    ///
    /// @param corrections where it is in a panel
    private void startWithCorrections(int corrections) {
        for (int p = 0; p < panels; p++) {
            a.vmovups(sums[0][p], numbers(p, corrections));
            for (int i = 1; i < sums.length; i++) {
                a.vmovups(sums[i][p], sums[0][p]);
            }
        }
    }

    /// Upper halves of the vectors' numbers first, 256 times those sums, then lower halves; or bytes.
    private void stepOfBytes() {
        int loads = layout.loads();
        Vector row = free[0];
        Vector[] corrections = Arrays.copyOfRange(free, 2, 2 + panels);
        for (int p = 0; p < panels; p++) {
            a.vmovups(corrections[p], numbers(p, loads + 1));
        }
        for (Vector[] each : sums) {
            if (loads > BytePanels.LOADS) {
                RowFrame.clear(a, each);
            } else {
                for (int p = 0; p < panels; p++) {
                    a.vmovups(each[p], corrections[p]);
                }
            }
        }
        // Of few sums, each would wait for its last product.
        Vector[] odd = Arrays.copyOfRange(free, 3, 3 + (sums.length * panels > FOUR ? 0 : FOUR));
        RowFrame.clear(a, odd);
        for (int k = 0; k < loads; k++) {
            loadPanels(k);
            for (int i = 0; i < sums.length; i++) {
                broadcast((Zmm) row, bytes(i, k % BytePanels.LOADS));
                for (int p = 0; p < panels; p++) {
                    if (k == BytePanels.LOADS) {
                        a.vpslld(sums[i][p], sums[i][p], Byte.SIZE);
                        a.vpaddd(sums[i][p], sums[i][p], corrections[p]);
                    }
                    Vector sum = odd.length > 0 && k % 2 > 0 ? odd[i] : sums[i][p];
                    a.vpdpbusd(sum, row, x[p]);
                }
            }
        }
        for (int i = 0; i < odd.length; i++) {
            a.vpaddd(sums[i][0], sums[i][0], odd[i]);
        }
        for (int i = 0; i < sums.length; i++) {
            total(i, loads);
        }
    }

    /// Four bytes of a row, or of both rows of a pair.
    private void broadcast(Vector to, MemoryOperand from) {
        if (layout == PanelLayout.BYTES) {
            a.vpbroadcastq((Zmm) to, from);
        } else {
            a.vpbroadcastd(to, from);
        }
    }

    /// Where row `i`, of the rows A of all pairs and then their rows B, has the columns of a load.
    private MemoryOperand bytes(int i, int load) {
        int pair = i % BytePanels.PAIRS;
        int ofRow = i / BytePanels.PAIRS * Integer.BYTES;
        return place(2 * pair + BytePanels.line(load), BytePanels.place(load) + ofRow);
    }

    /// The scale of row `i`.
    private MemoryOperand scale(int i) {
        if (!layout.isOfBytes()) {
            return place(SCALES, i, 0);
        }
        int ofRow = i / BytePanels.PAIRS * Float.BYTES;
        return switch (i % BytePanels.PAIRS) {
            case 0 -> at(SCALES, ofRow);
            case 1 -> at(SCALES, ROW, 2, ofRow);
            case 2 -> at(SCALES, ROW, 4, ofRow);
            default -> at(SCALES, THREE_ROWS, 2, ofRow);
        };
    }

    /// Adds the sums of whole numbers of row `i`, multiplied with its scale and the factors of the vectors.
    ///
    /// @param factors where these are in a panel
    private void total(int i, int factors) {
        Vector row = free[0];
        Vector product = free[1];
        broadcast(row, scale(i));
        for (int p = 0; p < panels; p++) {
            a.vmulps(product, row, numbers(p, factors));
            a.vcvtdq2ps(sums[i][p], sums[i][p]);
            if (totals.length > 0) {
                a.vfmadd231ps(totals[i * panels + p], sums[i][p], product);
            } else {
                a.vfmadd213ps(sums[i][p], product, room(i * panels + p));
                a.vmovups(room(i * panels + p), sums[i][p]);
            }
        }
    }

    private void loadPanels(int k) {
        for (int p = 0; p < panels; p++) {
            a.vmovups(x[p], numbers(p, k));
        }
    }

    /// The numbers at place `k` of the vectors of a panel, or their factors.
    private MemoryOperand numbers(int panel, int k) {
        int distance = k * bytes;
        return switch (panel) {
            case 0 -> at(X, distance);
            case 1 -> at(X, PANEL, 1, distance);
            default -> at(X, PANEL, 2, distance);
        };
    }

    /// The number at place `k` of row `i`.
    private MemoryOperand number(int i, int k) {
        return place(i, k * Float.BYTES);
    }

    /// In row `i`, or line `i` of the pairs.
    private MemoryOperand place(int i, int distance) {
        return place(PLACE[i / FOUR], i % FOUR, distance);
    }

    /// In the row that is `i` rows, fewer than four, behind one.
    private static MemoryOperand place(General place, int i, int distance) {
        return switch (i) {
            case 0 -> at(place, distance);
            case 1 -> at(place, ROW, 1, distance);
            case 2 -> at(place, ROW, 2, distance);
            default -> at(place, THREE_ROWS, 1, distance);
        };
    }

    private MemoryOperand room(int sum) {
        return at(RDI, ROOM + sum * bytes);
    }

    /// Writes the products of the rows with all panels.
    private void store() {
        for (int four = 0; four < sums.length; four += FOUR) {
            a.mov(LEFT, Y);
            load(Y_B, NEXT_FOUR);
            a.add(Y_B, Y);
            for (int p = 0; p < panels; p++) {
                store(four, p);
            }
        }
        a.add(Y, layout.isOfBytes() ? BytePanels.PAIRS * Float.BYTES : rows * Float.BYTES);
    }

    /// Writes the products of four rows, or four pairs of rows, with a panel, and advances to those with the next.
    private void store(int first, int panel) {
        Vector[] sum = new Vector[FOUR];
        for (int i = 0; i < FOUR; i++) {
            sum[i] =
                    totals.length > 0
                            ? totals[(first + i) * panels + panel]
                            : sums[first + i][panel];
        }
        // Vectors that have been multiplied are in registers above the sums.
        Vector[] products = registers(sums.length * panels, FOUR);
        PanelLayout.transpose(a, sum, products);
        for (int quarter = 0; quarter < bytes / (FOUR * Float.BYTES); quarter++) {
            for (int i = 0; i < FOUR; i++) {
                boolean ofB = layout == PanelLayout.BYTES ? i % 2 > 0 : first > 0;
                General to = ofB ? Y_B : LEFT;
                storeQuarter(to, products[i], quarter);
                a.add(to, Y_PITCH);
            }
        }
    }

    private void storeQuarter(General place, Vector from, int quarter) {
        MemoryOperand to = at(place, 0);
        if (quarter == 0) {
            RowFrame.storeFour(a, to, from);
        } else if (from instanceof Ymm upper) {
            a.vextracti128(to, upper);
        } else {
            a.vextracti32x4(to, (Zmm) from, quarter);
        }
    }
}
