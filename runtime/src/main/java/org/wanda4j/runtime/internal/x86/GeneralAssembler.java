package org.wanda4j.runtime.internal.x86;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/// Writes instructions of x86-64 on general registers, a method each, named as in Intel's manual: destination first.
///
/// Constants lie behind the code.
class GeneralAssembler {

    /// A general register, 0 to 15.
    record General(int number) {}

    static final General RAX = new General(0);
    static final General RCX = new General(1);
    static final General RDX = new General(2);
    static final General RBX = new General(3);
    static final General RSP = new General(4);
    static final General RBP = new General(5);
    static final General RSI = new General(6);
    static final General RDI = new General(7);
    static final General R8 = new General(8);
    static final General R9 = new General(9);
    static final General R10 = new General(10);
    static final General R11 = new General(11);
    static final General R12 = new General(12);
    static final General R13 = new General(13);
    static final General R14 = new General(14);
    static final General R15 = new General(15);

    /// What an instruction takes from a register or from memory.
    sealed interface Operand permits Vector, MemoryOperand, Each, Constant {}

    /// A vector register, of 512, 256 or 128 bits.
    sealed interface Vector extends Operand permits Zmm, Ymm, Xmm {
        int number();
    }

    /// Of 512 bits, 0 to 31.
    record Zmm(int number) implements Vector {}

    /// Of 256 bits, 0 to 15.
    record Ymm(int number) implements Vector {}

    /// Of 128 bits, 0 to 15; the lower half of a [Ymm]. To write it clears the rest of the register.
    record Xmm(int number) implements Vector {}

    /// Memory at `base + scale * index + distance`; RSP as index stands for none.
    record MemoryOperand(General base, General index, int scale, int distance) implements Operand {}

    /// The number at `base + distance`, for each element.
    record Each(General base, int distance) implements Operand {}

    /// What lies behind the code, from the byte `offset` of all constants on.
    record Constant(int offset) implements Operand {}

    static final int MAP_0F38 = 2;

    private static final int CACHE_LINE = 64;

    /// Instructions that do nothing, of one byte and of eight.
    private static final int NOTHING = 0x90;

    private static final int[] LONG_NOTHING = {0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};

    private static final int NO_DISTANCE = 0;
    private static final int BRIEF_DISTANCE = 1;
    private static final int DISTANCE = 2;
    private static final int REGISTER_DIRECT = 3;

    /// A base or an index of that number means something else: an index follows; there is none.
    private static final int SPECIAL = 4;

    /// A base of that number without a distance means: from the next instruction on.
    private static final int NEXT_INSTRUCTION = 5;

    private final ByteArrayOutputStream code = new ByteArrayOutputStream();
    private final ByteArrayOutputStream constants = new ByteArrayOutputStream();

    /// Where the distance of a jump forward is, and where it leads.
    private final Map<Integer, Integer> forward = new HashMap<>();

    /// Where the distance to a constant is, and the constant's offset.
    private final Map<Integer, Integer> toConstants = new HashMap<>();

    static MemoryOperand at(General base, int distance) {
        return at(base, RSP, 1, distance);
    }

    /// @param scale 1, 2, 4 or 8
    static MemoryOperand at(General base, General index, int scale, int distance) {
        return new MemoryOperand(base, index, scale, distance);
    }

    static Each each(General base, int distance) {
        return new Each(base, distance);
    }

    /// Puts bytes behind the code, at a line of the cache.
    Constant constant(byte[] bytes) {
        var constant = new Constant(constants.size());
        constants.writeBytes(bytes);
        constants.writeBytes(new byte[-bytes.length & CACHE_LINE - 1]);
        return constant;
    }

    /// The code and its constants.
    byte[] code() {
        int end = Math.ceilDiv(code.size(), CACHE_LINE) * CACHE_LINE;
        ByteBuffer bytes =
                ByteBuffer.allocate(constants.size() == 0 ? code.size() : end + constants.size())
                        .order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(0, code.toByteArray());
        forward.forEach((at, target) -> bytes.putInt(at, target - at - Integer.BYTES));
        if (constants.size() > 0) {
            bytes.put(end, constants.toByteArray());
            toConstants.forEach(
                    (at, offset) -> bytes.putInt(at, end + offset - at - Integer.BYTES));
        }
        return bytes.array();
    }

    /// Where the next instruction comes to lie.
    int here() {
        return code.size();
    }

    /// As [#here], at the start of a line of the cache: where a short loop is best.
    int alignedHere() {
        while (here() % CACHE_LINE != 0) {
            if (CACHE_LINE - here() % CACHE_LINE < LONG_NOTHING.length) {
                bytes(NOTHING);
            } else {
                bytes(LONG_NOTHING);
            }
        }
        return here();
    }

    // General registers, 64 bits

    void mov(General to, General from) {
        rex(from.number(), to.number());
        bytes(0x89, direct(from.number(), to.number()));
    }

    void mov(General to, MemoryOperand from) {
        rex(to.number(), from);
        bytes(0x8b);
        memory(to.number(), from, 1);
    }

    void mov(MemoryOperand to, General from) {
        rex(from.number(), to);
        bytes(0x89);
        memory(from.number(), to, 1);
    }

    /// 32 bits; the upper half becomes 0.
    void movd(General to, MemoryOperand from) {
        shortRex(to.number(), from);
        bytes(0x8b);
        memory(to.number(), from, 1);
    }

    void movd(MemoryOperand to, General from) {
        shortRex(from.number(), to);
        bytes(0x89);
        memory(from.number(), to, 1);
    }

    /// 32 bits, sign and all; the upper half becomes the sign's.
    void mov(General to, int value) {
        rex(0, to.number());
        bytes(0xc7, direct(0, to.number()));
        word(value);
    }

    /// All 64 bits.
    void movabs(General to, long value) {
        rex(0, to.number());
        bytes(0xb8 | (to.number() & 7));
        word((int) value);
        word((int) (value >> Integer.SIZE));
    }

    void lea(General to, MemoryOperand from) {
        rex(to.number(), from);
        bytes(0x8d);
        memory(to.number(), from, 1);
    }

    void add(General to, General from) {
        rex(from.number(), to.number());
        bytes(0x01, direct(from.number(), to.number()));
    }

    void add(General to, int value) {
        arithmetic(0, to, value);
    }

    void sub(General to, General from) {
        rex(from.number(), to.number());
        bytes(0x29, direct(from.number(), to.number()));
    }

    void imul(General to, General from) {
        rex(to.number(), from.number());
        bytes(0x0f, 0xaf, direct(to.number(), from.number()));
    }

    void cmp(General a, General b) {
        rex(b.number(), a.number());
        bytes(0x39, direct(b.number(), a.number()));
    }

    void cmp(General a, int value) {
        arithmetic(7, a, value);
    }

    private void arithmetic(int operation, General to, int value) {
        rex(0, to.number());
        if ((byte) value == value) {
            bytes(0x83, direct(operation, to.number()), value);
        } else {
            bytes(0x81, direct(operation, to.number()));
            word(value);
        }
    }

    void shl(General to, int bits) {
        rex(0, to.number());
        bytes(0xc1, direct(4, to.number()), bits);
    }

    void shr(General to, int bits) {
        rex(0, to.number());
        bytes(0xc1, direct(5, to.number()), bits);
    }

    /// Counts the bits that are set in 64.
    void popcnt(General to, MemoryOperand from) {
        bytes(0xf3);
        rex(to.number(), from);
        bytes(0x0f, 0xb8);
        memory(to.number(), from, 1);
    }

    /// Counts the bits that are set in 32.
    void popcntd(General to, MemoryOperand from) {
        bytes(0xf3);
        shortRex(to.number(), from);
        bytes(0x0f, 0xb8);
        memory(to.number(), from, 1);
    }

    /// Counts the bits that are set in 32.
    void popcntd(General to, General from) {
        bytes(0xf3);
        shortRex(to.number(), from.number());
        bytes(0x0f, 0xb8, direct(to.number(), from.number()));
    }

    /// Counts the bits that are set in 64.
    void popcnt(General to, General from) {
        bytes(0xf3);
        rex(to.number(), from.number());
        bytes(0x0f, 0xb8, direct(to.number(), from.number()));
    }

    /// 16 bits; those above them become 0.
    void movzxw(General to, General from) {
        shortRex(to.number(), from.number());
        bytes(0x0f, 0xb7, direct(to.number(), from.number()));
    }

    /// A byte; the bits above it become 0.
    void movzxb(General to, MemoryOperand from) {
        shortRex(to.number(), from);
        bytes(0x0f, 0xb6);
        memory(to.number(), from, 1);
    }

    void lea(General to, Constant from) {
        rex(to.number(), 0);
        bytes(0x8d);
        constant(to.number(), from);
    }

    /// The lowest `count` bits of `from`, up to all 32.
    void bzhi(General to, General from, General count) {
        vex(0, 0, 0xf5, to, count, from);
    }

    /// The bits of `from` that `field` says: the first in its lowest byte, how many in the next.
    void bextr(General to, General from, General field) {
        vex(1, 0, 0xf7, to, field, from);
    }

    /// Puts the lowest bits of `from`, one after the other, where bits of `places` are set.
    void pdep(General to, General from, General places) {
        vex(1, 3, 0xf5, to, from, places);
    }

    /// @param wide 1 for 64 bits
    private void vex(int wide, int prefix, int opcode, General to, General second, General rm) {
        int r = to.number();
        int b = rm.number();
        bytes(0xc4, not(r, 3) << 7 | 0x40 | not(b, 3) << 5 | MAP_0F38);
        bytes(wide << 7 | (~second.number() & 15) << 3 | prefix, opcode, direct(r, b));
    }

    void push(General from) {
        shortRex(0, from.number());
        bytes(0x50 | (from.number() & 7));
    }

    void pop(General to) {
        shortRex(0, to.number());
        bytes(0x58 | (to.number() & 7));
    }

    // Control

    /// Jumps back while the last comparison found a difference, or the last sum was not 0.
    void jne(int target) {
        bytes(0x0f, 0x85);
        jump(target);
    }

    /// Jumps back.
    void jmp(int target) {
        bytes(0xe9);
        jump(target);
    }

    private void jump(int target) {
        word(target - (here() + Integer.BYTES));
    }

    /// Jumps forward where the last comparison found its first operand to be larger.
    ///
    /// @return what [#land] takes to say where to
    int ja() {
        bytes(0x0f, 0x87);
        int jump = here();
        word(0);
        return jump;
    }

    /// Jumps forward where the last comparison found its first operand to be no larger.
    ///
    /// @return what [#land] takes to say where to
    int jbe() {
        bytes(0x0f, 0x86);
        int jump = here();
        word(0);
        return jump;
    }

    /// Has a jump forward lead here.
    void land(int jump) {
        forward.put(jump, here());
    }

    /// Has a line come into the nearest cache. What is no memory of the process is ignored.
    void prefetcht0(MemoryOperand from) {
        shortRex(0, from);
        bytes(0x0f, 0x18);
        memory(1, from, 1);
    }

    /// Has a line come into the second cache. What is no memory of the process is ignored.
    void prefetcht1(MemoryOperand from) {
        shortRex(0, from);
        bytes(0x0f, 0x18);
        memory(2, from, 1);
    }

    void vzeroupper() {
        bytes(0xc5, 0xf8, 0x77);
    }

    void ret() {
        bytes(0xc3);
    }

    /// For an operation on 64 bits.
    private void rex(int register, int base) {
        bytes(0x48 | register >> 3 << 2 | base >> 3);
    }

    /// As above, on memory.
    private void rex(int register, MemoryOperand memory) {
        bytes(0x48 | register >> 3 << 2 | indexBit(memory) << 1 | memory.base().number() >> 3);
    }

    /// For an operation that needs no prefix but for the registers from 8 on.
    private void shortRex(int register, int base) {
        if (register > 7 || base > 7) {
            bytes(0x40 | register >> 3 << 2 | base >> 3);
        }
    }

    /// As above, on memory.
    private void shortRex(int register, MemoryOperand memory) {
        int bits = register >> 3 << 2 | indexBit(memory) << 1 | memory.base().number() >> 3;
        if (bits != 0) {
            bytes(0x40 | bits);
        }
    }

    private static int indexBit(MemoryOperand memory) {
        return memory.index().number() >> 3;
    }

    /// A bit of a register's number, inverted.
    static int not(int number, int bit) {
        return ~number >> bit & 1;
    }

    /// The byte that names two registers.
    static int direct(int register, int other) {
        return REGISTER_DIRECT << 6 | (register & 7) << 3 | (other & 7);
    }

    /// The bytes that name a register and memory.
    ///
    /// @param bytes in which a short distance is counted
    void memory(int register, MemoryOperand memory, int bytes) {
        int base = memory.base().number() & 7;
        int distance = memory.distance();
        boolean none = distance == 0 && base != NEXT_INSTRUCTION;
        boolean brief = distance % bytes == 0 && (byte) (distance / bytes) == distance / bytes;
        int mode = none ? NO_DISTANCE : brief ? BRIEF_DISTANCE : DISTANCE;
        boolean indexed = base == SPECIAL || memory.index().number() != SPECIAL;
        bytes(mode << 6 | (register & 7) << 3 | (indexed ? SPECIAL : base));
        if (indexed) {
            int scale = Integer.numberOfTrailingZeros(memory.scale());
            bytes(scale << 6 | (memory.index().number() & 7) << 3 | base);
        }
        if (mode == BRIEF_DISTANCE) {
            bytes(distance / bytes);
        } else if (mode == DISTANCE) {
            word(distance);
        }
    }

    /// The bytes that name a register and a constant, the last of an instruction.
    void constant(int register, Constant constant) {
        bytes((register & 7) << 3 | NEXT_INSTRUCTION);
        toConstants.put(here(), constant.offset());
        word(0);
    }

    void bytes(int... values) {
        for (int value : values) {
            code.write(value);
        }
    }

    private void word(int value) {
        bytes(value, value >> 8, value >> 16, value >> 24);
    }
}
