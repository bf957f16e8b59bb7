package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.lower;
import static org.wanda4j.runtime.internal.x86.Assembler.xmm;
import static org.wanda4j.runtime.internal.x86.Assembler.ymm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R10;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R8;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R9;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RAX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RCX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSP;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.RowFrame.LINE;
import static org.wanda4j.runtime.internal.x86.RowFrame.SCALES;
import static org.wanda4j.runtime.internal.x86.RowFrame.both;
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;

import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.RowKernels.Order;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Constant;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Vector;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Xmm;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// How rows of a matrix and panels of vectors lie for [PanelCode], and functions that write them so: by AVX2 but for [#PAIRS], and those of [#BYTES] and [#HALVES], which
/// [BytePanels] has.
///
/// A number has 32 bits, but for bytes. A row has its numbers in order, and behind the last the scales of its steps, in fp32; a panel has the first numbers of its vectors, as
/// many as a vector register has elements, then their second ones, and so on.
enum PanelLayout {
    /// A number is a value in fp32.
    FLOATS(Order.PANELS, Width.YMM, 1, 8, 0, 3),
    /// The same in wider panels.
    WIDE_FLOATS(Order.PANELS, Width.ZMM_FLOATS, 1, 8, 0, 3),
    /// A number is two values in bf16: those of a vector are rounded, to within `2^-8` of each.
    PAIRS(Order.BF16_PANELS, Width.ZMM, 2, 16, 0, 3),
    /// A number is two whole numbers of 16 bits. In a panel, behind 32 of these, a step, lie the factors of the vectors, in fp32. Those of a
    /// vector go up to [#LARGEST]: they are its values to within `2^-16` of the largest of 32.
    INTEGERS(Order.QUANTISED_PANELS, Width.YMM, 2, ValueType.GROUP, 1, 2),
    /// A number is four whole numbers of 8 bits, of a row halves of bytes plus 8. A step of a panel has, behind the factors, what products with 8 add up to,
    /// negative, in 16 bits each as the products are. Numbers of a vector go up to 127: they are its values to within `1.01 * 2^-8` of the largest of 32.
    NIBBLES(Order.QUANTISED_EIGHTS, Width.YMM, 4, ValueType.GROUP, 1, 1),
    /// The same, for `vpdpbusd`: those of a row are bytes plus 128, and what products with 128 add up to has 32 bits.
    NARROW_BYTES(Order.QUANTISED_EIGHTS, Width.YMM, 4, ValueType.GROUP, 1, 1),
    /// Whole numbers of 8 bits in panels of [BytePanels#EIGHT] vectors.
    BYTES(Order.QUANTISED_EIGHTS, BytePanels.EIGHT, BytePanels.LOADS),
    /// Whole numbers of 16 bits, in two bytes, in panels of [BytePanels#SIXTEEN].
    HALVES(Order.QUANTISED_PANELS, BytePanels.SIXTEEN, 2 * BytePanels.LOADS);

    /// Vectors that [#arrange] takes of what is not of [BytePanels].
    private static final int EIGHT = 8;

    /// 32 products with bytes add up to less than `2^31`.
    private static final int LARGEST = 32_767;

    private static final int LARGEST_BYTE = 127;

    /// Bytes behind a row, which keep rows that lie a power of two apart from meeting in one set of the cache.
    private static final int GAP = BytePanels.GAP;

    /// Bytes on the stack for a step in fp32.
    private static final int ROOM_BYTES = ValueType.GROUP * EIGHT * Float.BYTES;

    private static final int YMM_BYTES = 32;
    private static final int LINE_BITS = Integer.numberOfTrailingZeros(LINE);
    private static final int FOUR = 4;

    /// Bytes of four vectors for each of four columns to four bytes of each vector.
    private static final byte[] BY_VECTOR = {
        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, //
        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15
    };

    private final Order order;
    private final Width width;
    private final int perNumber;
    private final int columns;
    private final int scales;
    private final int mostPanels;
    private final int vectors;
    private final int loads;

    /// @param perNumber columns in a number
    /// @param columns in a step
    /// @param scales in a step
    PanelLayout(Order order, Width width, int perNumber, int columns, int scales, int mostPanels) {
        this.order = order;
        this.width = width;
        this.perNumber = perNumber;
        this.columns = columns;
        this.scales = scales;
        this.mostPanels = mostPanels;
        this.vectors = width.bytes() / Float.BYTES;
        this.loads = columns / perNumber;
    }

    /// Of bytes.
    PanelLayout(Order order, int vectors, int loads) {
        this.order = order;
        this.width = Width.ZMM_FLOATS;
        this.perNumber = 1;
        this.columns = BytePanels.COLUMNS;
        this.scales = 1;
        this.mostPanels = 3;
        this.vectors = vectors;
        this.loads = loads;
    }

    /// What kernels call the panels.
    Order order() {
        return order;
    }

    /// Of what is multiplied with a number of a row.
    Width width() {
        return width;
    }

    /// Vectors in a panel.
    int vectors() {
        return vectors;
    }

    /// Bytes that a vector of a panel has of a load.
    int vectorBytes() {
        return width.bytes() / vectors;
    }

    /// Vectors that [#arrange] takes.
    int arranged() {
        return switch (this) {
            case BYTES -> 1;
            case HALVES -> vectors;
            default -> EIGHT;
        };
    }

    /// Whether rows and panels are those of [BytePanels].
    boolean isOfBytes() {
        return compareTo(BYTES) >= 0;
    }

    /// Loads of a panel's numbers in a step.
    int loads() {
        return loads;
    }

    /// Whether numbers are whole, with scales.
    boolean isWhole() {
        return scales > 0;
    }

    /// Whether rows of `type`, a quantised one, can lie so.
    boolean takes(ValueType type) {
        return this != NIBBLES || type.isHalves();
    }

    /// What is added to the numbers of a row, and made up for by those of a panel behind its factors; 0 where nothing is.
    int bias() {
        return switch (this) {
            case NIBBLES -> 8;
            case NARROW_BYTES -> 128;
            default -> 0;
        };
    }

    /// Columns in a step.
    int columns() {
        return columns;
    }

    /// The most panels that are multiplied at once: there are sums for so many in registers.
    int mostPanels() {
        return mostPanels;
    }

    /// Bytes of a step in a row.
    int rowStep() {
        return isOfBytes() ? columns : numbers() * Float.BYTES;
    }

    /// Numbers in a step of a row.
    int numbers() {
        return columns / perNumber;
    }

    /// Bytes of a step in a panel.
    int panelStep() {
        int corrections = bias() > 0 ? 1 : 0;
        return isOfBytes()
                ? BytePanels.stepBytes(loads)
                : (numbers() + scales + corrections) * width.bytes();
    }

    /// Bytes from a row to the next; of bytes, from a line of a pair to the next.
    long rowBytes(int width) {
        if (isOfBytes()) {
            return BytePanels.lineBytes(width);
        }
        long bytes = (long) (width / columns) * (rowStep() + scales * Float.BYTES);
        return Math.ceilDiv(bytes, LINE) * LINE + GAP;
    }

    /// Bytes from a panel to the next.
    long panelBytes(int width) {
        return (long) (width / columns) * panelStep();
    }

    // Rows

    /// Writes rows A to [Parameter#VECTOR], and rows B to [Parameter#UNPACKED_B], with parameters as in [RowFrame]; of bytes, both as
    /// [BytePanels#unpack] does.
    byte[] unpack(ValueType type, Density density) {
        if (isOfBytes()) {
            return BytePanels.unpack(type, density);
        }
        var a = new Assembler();
        boolean sparse = density != Density.DENSE;
        int numberBytes = Float.BYTES / perNumber;
        var values = new Avx2Values(a, type, numberBytes, bias(), sparse);
        Ymm[] value = {ymm(0), ymm(1)};
        Ymm[] room = {ymm(2), ymm(3)};
        Xmm bothScales = xmm(4);
        Xmm units = xmm(5);
        Xmm order = xmm(6);
        General[] to = {RowFrame.SUMS, RowFrame.FREE[0]};
        // From the numbers of a word to its scales, and where these end.
        General toScales = RowFrame.X;
        General end = RowFrame.X_END;
        int wordBytes = Long.SIZE / columns * rowStep();
        int scalesBytes = 2 * scales * Float.BYTES;
        RowFrame.start(a, wordBytes);
        values.start();
        if (isWhole()) {
            broadcast(a, ymm(units.number()), MachineKernels.bits(values.unit()));
            a.vmovups(order, a.constant(RowFrame.scalesOrder(type, scalesBytes)));
        }
        RowFrame.load(a, to[0], Parameter.VECTOR);
        RowFrame.load(a, to[1], Parameter.UNPACKED_B);
        a.mov(RAX, scalesBytes);
        RowFrame.load(a, end, Parameter.WORDS);
        a.imul(end, RAX);
        int rows = a.here();
        RowFrame.load(a, toScales, Parameter.WORDS);
        a.shl(toScales, Integer.numberOfTrailingZeros(wordBytes));
        int words = a.alignedHere();
        both(i -> {
            values.startWord(i, room);
            if (isWhole()) {
                RowFrame.scales(a, type, i, bothScales, order);
                a.vmulps(bothScales, bothScales, units);
                a.vmovlps(at(to[i], toScales, 1, 0), bothScales);
                a.add(SCALES[i], 2 * Short.BYTES);
            }
            if (perNumber == FOUR) {
                values.sixtyFour(i, value[0], value[1], room[0], room[1]);
            }
            for (int k = 0; k < wordBytes / YMM_BYTES; k++) {
                Ymm some = value[k % 2];
                switch (perNumber) {
                    case 1 -> values.eight(i, k, some);
                    case 2 -> values.sixteen(i, k, some, room[0]);
                    default -> {}
                }
                a.vmovups(at(to[i], k * YMM_BYTES), some);
            }
            values.nextWord(i);
            a.add(to[i], wordBytes);
        });
        RowFrame.nextPlaces(a, density);
        RowFrame.nextWord(a, scalesBytes - wordBytes, words);
        both(i -> {
            a.lea(to[i], at(to[i], end, 1, GAP + LINE - 1));
            a.shr(to[i], LINE_BITS);
            a.shl(to[i], LINE_BITS);
        });
        RowFrame.nextRow(a, 0, rows);
        RowFrame.leaveRows(a);
        return a.code();
    }

    // Panels

    private static final General FROM = RDI;
    private static final General TO = RSI;
    private static final General ROOM = RSP;
    private static final General LEFT = RCX;
    private static final General VECTOR = R8;
    private static final General THREE_VECTORS = R9;

    /// Where the vectors 0 and 4 are.
    private static final General[] PLACE = {FROM, R10};

    private static final Ymm[] COLUMN = {ymm(0), ymm(1), ymm(2), ymm(3)};
    private static final Ymm[] OTHER = {ymm(4), ymm(5), ymm(6), ymm(7)};

    /// Writes [#arranged] vectors of a panel. It takes the addresses of the vectors in fp32, one behind the other, of their first numbers in the
    /// panel, and of nothing; and how many steps a vector has.
    byte[] arrange() {
        if (isOfBytes()) {
            return this == BYTES ? BytePanels.arrange() : BytePanels.arrangeHalves();
        }
        var a = new Assembler();
        a.mov(VECTOR, LEFT);
        a.mov(RAX, columns * Float.BYTES);
        a.imul(VECTOR, RAX);
        a.lea(THREE_VECTORS, at(VECTOR, VECTOR, 2, 0));
        a.lea(PLACE[1], at(FROM, VECTOR, FOUR, 0));
        if (isWhole()) {
            a.add(RSP, -ROOM_BYTES);
            quantise(a);
            a.add(RSP, ROOM_BYTES);
        } else {
            int steps = a.here();
            for (int k = 0; k < numbers(); k += FOUR) {
                fourNumbers(a, k);
                for (int i = 0; i < FOUR; i++) {
                    a.vmovups(at(TO, (k + i) * width.bytes()), COLUMN[i]);
                }
            }
            nextStep(a, steps);
        }
        return RowFrame.finish(a);
    }

    private void quantise(Assembler a) {
        Ymm noSign = ymm(15);
        Ymm largest = ymm(14);
        Ymm one = ymm(13);
        Ymm tiny = ymm(12);
        Ymm factor = ymm(8);
        Ymm inverse = ymm(9);
        Ymm correction = ymm(7);
        Ymm bias = ymm(11);
        Ymm ones = ymm(10);
        broadcast(a, noSign, Integer.MAX_VALUE);
        broadcast(a, largest, MachineKernels.bits(perNumber == 4 ? LARGEST_BYTE : LARGEST));
        if (bias() > 0) {
            broadcast(a, bias, bias() * 0x01010101);
            broadcast(a, ones, 0x00010001);
        }
        broadcast(a, one, MachineKernels.bits(1));
        broadcast(a, tiny, MachineKernels.bits(1e-30f));
        Constant byVector = a.constant(BY_VECTOR);
        int steps = a.here();
        a.vmovups(factor, tiny);
        for (int k = 0; k < columns; k += FOUR) {
            fourColumns(a, k);
            for (int i = 0; i < FOUR; i++) {
                a.vmovups(at(ROOM, (k + i) * YMM_BYTES), COLUMN[i]);
                // Of floats without a sign, the larger is the larger number of bits; NaN is larger
                // than all others.
                a.vpandd(COLUMN[i], COLUMN[i], noSign);
                a.vpmaxsd(factor, factor, COLUMN[i]);
            }
        }
        a.vdivps(factor, factor, largest);
        a.vdivps(inverse, one, factor);
        RowFrame.clear(a, correction);
        for (int k = 0; k < numbers(); k++) {
            for (int j = 0; j < perNumber; j++) {
                a.vmulps(COLUMN[j], inverse, at(ROOM, (perNumber * k + j) * YMM_BYTES));
                a.vcvtps2dq(COLUMN[j], COLUMN[j]);
            }
            if (perNumber == 2) {
                a.vpslld(COLUMN[1], COLUMN[1], Short.SIZE);
                a.vpblendw(COLUMN[0], COLUMN[0], COLUMN[1], 0xaa);
            } else {
                a.vpackssdw(COLUMN[0], COLUMN[0], COLUMN[1]);
                a.vpackssdw(COLUMN[2], COLUMN[2], COLUMN[3]);
                a.vpacksswb(COLUMN[0], COLUMN[0], COLUMN[2]);
                a.vpshufb(COLUMN[0], COLUMN[0], byVector);
                a.vpmaddubsw(COLUMN[1], bias, COLUMN[0]);
                if (this == NARROW_BYTES) {
                    a.vpmaddwd(COLUMN[1], COLUMN[1], ones);
                    a.vpsubd(correction, correction, COLUMN[1]);
                } else {
                    a.vpsubw(correction, correction, COLUMN[1]);
                }
            }
            a.vmovups(at(TO, k * width.bytes()), COLUMN[0]);
        }
        a.vmovups(at(TO, numbers() * width.bytes()), factor);
        if (bias() > 0) {
            a.vmovups(at(TO, (numbers() + 1) * width.bytes()), correction);
        }
        nextStep(a, steps);
    }

    private void nextStep(Assembler a, int steps) {
        for (General each : PLACE) {
            a.add(each, columns * Float.BYTES);
        }
        a.add(TO, panelStep());
        a.add(LEFT, -1);
        a.jne(steps);
    }

    /// Has the numbers `first` to `first + 4` of the vectors, which have no scales, in [#COLUMN].
    private void fourNumbers(Assembler a, int first) {
        if (perNumber == 1) {
            fourColumns(a, first);
            return;
        }
        for (int i = 0; i < FOUR; i++) {
            a.vcvtneps2bf16(lower(OTHER[i]), vector(i, perNumber * first));
            a.vcvtneps2bf16(lower(COLUMN[i]), vector(FOUR + i, perNumber * first));
            a.vinserti128(OTHER[i], OTHER[i], lower(COLUMN[i]));
        }
        transpose(a, OTHER, COLUMN);
    }

    /// Has the columns `first` to `first + 4` of the vectors in [#COLUMN].
    private static void fourColumns(Assembler a, int first) {
        for (int i = 0; i < FOUR; i++) {
            a.vmovups(lower(OTHER[i]), vector(i, first));
            a.vinserti128(OTHER[i], OTHER[i], vector(FOUR + i, first));
        }
        transpose(a, OTHER, COLUMN);
    }

    private static MemoryOperand vector(int i, int first) {
        General place = PLACE[i / FOUR];
        int distance = first * Float.BYTES;
        return switch (i % FOUR) {
            case 0 -> at(place, distance);
            case 1 -> at(place, VECTOR, 1, distance);
            case 2 -> at(place, VECTOR, 2, distance);
            default -> at(place, THREE_VECTORS, 1, distance);
        };
    }

    /// Transposes 4 x 4 numbers in each 128 bits of four registers; those of `from` are overwritten.
    static void transpose(Assembler a, Vector[] from, Vector[] to) {
        a.vunpcklps(to[0], from[0], from[1]);
        a.vunpckhps(to[1], from[0], from[1]);
        a.vunpcklps(to[2], from[2], from[3]);
        a.vunpckhps(to[3], from[2], from[3]);
        a.vunpckhpd(from[0], to[0], to[2]);
        a.vunpckhpd(from[1], to[1], to[3]);
        a.vunpcklpd(to[0], to[0], to[2]);
        a.vunpcklpd(to[2], to[1], to[3]);
        a.vmovups(to[1], from[0]);
        a.vmovups(to[3], from[1]);
    }
}
