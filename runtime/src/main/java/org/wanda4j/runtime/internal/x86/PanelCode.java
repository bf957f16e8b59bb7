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
/// fp32. Where a panel has fewer vectors than a register has elements, as many numbers of a row are broadcast together as a vector has elements, and
/// their sums are added up in the end.
///
/// A function takes the addresses of its parameters, 64 bits each, and of the product of the first row with the first vector, in fp32.
/// The products of a vector with the rows follow each other.
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

    private static final int LINE = 64;
    private static final int ROOM = 128;
    private static final int MOST_SUMS = 24;

    /// The most vectors that are multiplied at once.
    static final int MOST_VECTORS = 3 * LINE / Float.BYTES;

    /// Bytes of the parameters, and of room behind them.
    static final int PARAMETERS = ROOM + MOST_SUMS * LINE;

    private static final int FOUR = 4;

    /// Numbers at even places, and the others, in [Assembler#vshufps].
    private static final int EVENS = 0x88;

    private static final int ODDS = 0xdd;

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
        this.sums = new Vector[rows][];
        for (int i = 0; i < rows; i++) {
            sums[i] = registers(i * panels, panels);
        }
        this.x = registers(rows * panels, panels);
        int used = rows * panels + panels;
        int all = layout.width().registers();
        int kept = layout.isWhole() && used + rows * panels + FOUR <= all ? rows * panels : 0;
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
        return panels == 1 || layout.width() != Width.YMM ? 2 * FOUR : FOUR;
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
        if (layout.isSplit()) {
            a.lea(SCALES, at(FIRST, ROW, SplitPanels.EIGHT, 0));
        }
        RowFrame.clear(a, totals);
        for (Vector[] each : sums) {
            RowFrame.clear(a, each);
        }
        if (layout.isWhole() && totals.length == 0) {
            for (int i = 0; i < rows * panels; i++) {
                a.vmovups(room(i), sums[0][0]);
            }
        }
        int steps = a.alignedHere();
        for (int i = 0; i < aheadBytes(layout, panels); i += LINE) {
            a.prefetcht1(at(NEXT, i));
        }
        a.add(NEXT, NEXT_BYTES);
        if (layout.isSplit()) {
            stepOfBytes();
        } else if (layout.isWhole()) {
            stepOfIntegers();
        } else {
            stepOfFloats();
        }
        a.add(X, layout.panelStep());
        for (int i = 0; i < rows / FOUR; i++) {
            a.add(PLACE[i], layout.rowStep());
        }
        a.add(LEFT, -1);
        a.jne(steps);
        for (int four = 0; four < rows; four += FOUR) {
            a.lea(LEFT, at(Y, four * Float.BYTES));
            for (int p = 0; p < panels; p++) {
                store(four, p);
            }
        }
        a.add(Y, rows * Float.BYTES);
        a.lea(FIRST, at(FIRST, ROW, rows, 0));
        if (layout.isSplit()) {
            a.add(FIRST, ROW);
        }
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
        Vector row = free[0];
        Vector product = free[1];
        for (int k = 0; k < layout.numbers(); k++) {
            loadPanels(k);
            for (int i = 0; i < rows; i++) {
                a.vpbroadcastd(row, number(i, k));
                for (int p = 0; p < panels; p++) {
                    if (k == 0) {
                        a.vpmaddwd(sums[i][p], row, x[p]);
                    } else if (vnni) {
                        a.vpdpwssd(sums[i][p], row, x[p]);
                    } else {
                        a.vpmaddwd(product, row, x[p]);
                        a.vpaddd(sums[i][p], sums[i][p], product);
                    }
                }
            }
        }
        for (int i = 0; i < rows; i++) {
            total(i, number(i, layout.numbers()), layout.numbers());
        }
    }

    /// Upper halves of the vectors' numbers first, 256 times those sums, then lower halves.
    private void stepOfBytes() {
        int vectors = layout.vectors();
        int loads = SplitPanels.loads(vectors);
        Vector row = free[0];
        Vector[] corrections = Arrays.copyOfRange(free, 2, 2 + panels);
        for (int p = 0; p < panels; p++) {
            a.vmovups(corrections[p], numbers(p, 2 * loads + 1));
        }
        for (Vector[] each : sums) {
            RowFrame.clear(a, each);
        }
        for (int k = 0; k < 2 * loads; k++) {
            loadPanels(k);
            for (int i = 0; i < rows; i++) {
                broadcast((Zmm) row, number(i, k % loads));
                for (int p = 0; p < panels; p++) {
                    if (k == loads) {
                        a.vpslld(sums[i][p], sums[i][p], Byte.SIZE);
                        a.vpaddd(sums[i][p], sums[i][p], corrections[p]);
                    }
                    a.vpdpbusd((Zmm) sums[i][p], (Zmm) row, x[p]);
                }
            }
        }
        for (int i = 0; i < rows; i++) {
            total(i, at(SCALES, i * Float.BYTES), 2 * loads);
        }
        a.add(SCALES, SplitPanels.SCALES_BYTES);
    }

    /// As many bytes of a row as a vector has of a load.
    private void broadcast(Zmm to, MemoryOperand from) {
        if (numberBytes() == Long.BYTES) {
            a.vpbroadcastq(to, from);
        } else {
            a.vpbroadcastd(to, from);
        }
    }

    /// Adds the sums of whole numbers of row `i`, multiplied with its scale and the factors of the vectors.
    ///
    /// @param factors where these are in a panel
    private void total(int i, MemoryOperand scale, int factors) {
        Vector row = free[0];
        Vector product = free[1];
        a.vbroadcastss(row, scale);
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

    /// The number at place `k` of row `i`, or its scale.
    private MemoryOperand number(int i, int k) {
        General place = PLACE[i / FOUR];
        int distance = k * numberBytes();
        return switch (i % FOUR) {
            case 0 -> at(place, distance);
            case 1 -> at(place, ROW, 1, distance);
            case 2 -> at(place, ROW, 2, distance);
            default -> at(place, THREE_ROWS, 1, distance);
        };
    }

    /// Bytes of a row that are broadcast together.
    private int numberBytes() {
        return layout.isSplit() ? SplitPanels.bytes(layout.vectors()) : Float.BYTES;
    }

    private MemoryOperand room(int sum) {
        return at(RDI, ROOM + sum * bytes);
    }

    /// Writes the products of four rows with a panel, and advances to those with the next.
    private void store(int first, int panel) {
        Vector[] sum = new Vector[FOUR];
        for (int i = 0; i < FOUR; i++) {
            sum[i] =
                    totals.length > 0
                            ? totals[(first + i) * panels + panel]
                            : sums[first + i][panel];
        }
        Vector[] products = products(sum);
        for (int quarter = 0; quarter < bytes / (FOUR * Float.BYTES); quarter++) {
            for (Vector each : products) {
                storeQuarter(each, quarter);
                a.add(LEFT, Y_PITCH);
            }
        }
    }

    /// From the sums of four rows to vectors that have in 128 bits the products of these with a vector: the first 128 bits of each, then the
    /// second, and so on.
    private Vector[] products(Vector[] sum) {
        // Vectors that have been multiplied are in registers above the sums.
        Vector[] four = registers(rows * panels, FOUR);
        if (bytes == layout.vectors() * Float.BYTES) {
            PanelLayout.transpose(a, sum, four);
            return four;
        }
        addNeighbours(four[0], sum[0], sum[1]);
        addNeighbours(four[1], sum[2], sum[3]);
        a.vshufps(four[2], four[0], four[1], EVENS);
        a.vshufps(four[3], four[0], four[1], ODDS);
        return new Vector[] {four[2], four[3]};
    }

    /// In each 128 bits the two sums of neighbours in `first`, then those in `second`.
    private void addNeighbours(Vector to, Vector first, Vector second) {
        Vector odds = registers(rows * panels + FOUR - 1, 1)[0];
        a.vshufps(odds, first, second, ODDS);
        a.vshufps(to, first, second, EVENS);
        a.vaddps(to, to, odds);
    }

    private void storeQuarter(Vector from, int quarter) {
        MemoryOperand to = at(LEFT, 0);
        if (quarter == 0) {
            RowFrame.storeFour(a, to, from);
        } else if (from instanceof Ymm upper) {
            a.vextracti128(to, upper);
        } else {
            a.vextracti32x4(to, (Zmm) from, quarter);
        }
    }
}
