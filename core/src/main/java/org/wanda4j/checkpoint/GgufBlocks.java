package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import org.wanda4j.checkpoint.GgufMapping.Piece;
import org.wanda4j.checkpoint.GgufMapping.Target;

/// A matrix that a GGUF file holds in blocks of 32 numbers with an fp16 scale, as the parts of a [PackedTensor]: the same numbers and the
/// same scales, each for themselves.
final class GgufBlocks {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int EXPONENT = 0x7c00;
    private static final long LOWER_HALVES = 0x0f0f0f0f0f0f0f0fL;
    private static final long EVEN_BYTES = 0x00ff00ff00ff00ffL;

    /// From 0 to 15 to two's complement, for the halves of four bytes.
    private static final int TO_SIGNED = 0x88888888;

    private final Target target;
    private final ValueType type;

    private GgufBlocks(Target target, ValueType type) {
        this.target = target;
        this.type = type;
    }

    /// `target` where all of it is in such blocks, and they are whole in its rows.
    static Optional<GgufBlocks> of(Target target) {
        Piece first = target.pieces().getFirst();
        boolean whole =
                target.pieces().stream()
                        .allMatch(piece ->
                                piece.source().type() == first.source().type()
                                        && piece.keepsValues()
                                        && !piece.matrix().transposed()
                                        && piece.matrix().columns() % ValueType.GROUP == 0
                                        && piece.first() % ValueType.GROUP == 0);
        return switch (first.source().type()) {
            case Q8_0 -> Optional.of(new GgufBlocks(target, ValueType.Q8_0)).filter(_ -> whole);
            case Q4_0 -> Optional.of(new GgufBlocks(target, ValueType.Q4_0)).filter(_ -> whole);
            default -> Optional.empty();
        };
    }

    /// Numbers of all rows.
    TensorInfo values() {
        return part(PackedEncoding.VALUES, PackedEncoding.elements(type), rows() * rowBytes());
    }

    /// Scales of all rows.
    TensorInfo scales() {
        return part(PackedEncoding.SCALES, type.scales(), rows(), groups());
    }

    /// The tensor's extents.
    TensorInfo shape() {
        return part(PackedEncoding.SHAPE, DType.I64, target.shape().size());
    }

    private TensorInfo part(String suffix, DType elements, long... shape) {
        return TensorInfo.unplaced(
                target.name() + suffix, elements, Arrays.stream(shape).boxed().toList());
    }

    private long rows() {
        return target.shape().stream()
                .limit(target.shape().size() - 1L)
                .reduce(1L, (a, b) -> a * b);
    }

    private long groups() {
        return ValueType.groups(target.shape().getLast());
    }

    /// Bytes of a row's numbers.
    long rowBytes() {
        return target.shape().getLast() * type.bits() / Byte.SIZE;
    }

    /// Bytes of a row's scales.
    long scaleBytes() {
        return groups() * type.scales().bytes();
    }

    /// Takes the blocks of a row apart.
    ///
    /// @param data blocks, from `from` on
    /// @param values receives the row's numbers, from `to` on
    /// @param scales receives its scales, from `place` on
    /// @return whether all scales are finite
    boolean split(
            MemorySegment data,
            long from,
            MemorySegment values,
            long to,
            MemorySegment scales,
            long place) {
        boolean finite = true;
        long at = from;
        long number = to;
        long groups = groups();
        for (long i = 0; i < groups; i++) {
            short scale = data.get(SHORT, at);
            finite &= (scale & EXPONENT) != EXPONENT;
            scales.set(SHORT, place + i * Short.BYTES, scale);
            at += Short.BYTES;
            if (type.isHalves()) {
                long first = data.get(LONG, at);
                long second = data.get(LONG, at + Long.BYTES);
                values.set(INT, number, pairs(first));
                values.set(INT, number + 4, pairs(second));
                values.set(INT, number + 8, pairs(first >>> 4));
                values.set(INT, number + 12, pairs(second >>> 4));
                at += 2 * Long.BYTES;
                number += 2 * Long.BYTES;
            } else {
                for (int k = 0; k < ValueType.GROUP; k += Long.BYTES) {
                    values.set(LONG, number + k, data.get(LONG, at + k));
                }
                at += ValueType.GROUP;
                number += ValueType.GROUP;
            }
        }
        return finite;
    }

    /// The lower halves of eight bytes, two in a byte, the first in its upper half.
    private static int pairs(long bytes) {
        long lower = bytes & LOWER_HALVES;
        return (int) Long.compress(lower << 4 | lower >>> Byte.SIZE, EVEN_BYTES) ^ TO_SIGNED;
    }
}
