package org.wanda4j.checkpoint;

import static org.wanda4j.checkpoint.PackedEncoding.BITMASK;
import static org.wanda4j.checkpoint.PackedEncoding.ROW_OFFSETS;
import static org.wanda4j.checkpoint.PackedEncoding.SCALES;
import static org.wanda4j.checkpoint.PackedEncoding.SHAPE;
import static org.wanda4j.checkpoint.PackedEncoding.TRANSPOSED;
import static org.wanda4j.checkpoint.PackedEncoding.VALUES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/// Assembles a [PackedTensor] from its parts in a shard, and checks each of them.
final class PackedParts {

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int LARGEST_EXTENT = 1 << 30;

    private final Safetensors shard;
    private final String name;
    private final PackedEncoding encoding;
    private final ValueType type;

    PackedParts(Safetensors shard, String name, PackedEncoding encoding) {
        this.shard = shard;
        this.name = name;
        this.encoding = encoding;
        this.type = readType();
    }

    PackedTensor read() {
        TensorInfo values = required(VALUES, PackedEncoding.elements(type));
        PackedLayout layout = readLayout();
        long[] shape = {layout.rows(), layout.columns()};
        long stored = values.length() * Byte.SIZE / type.bits();
        Optional<PackedTensor.SparseIndexTensors> sparseIndex = sparseIndex(shape, stored);
        if (sparseIndex.isEmpty() && stored != shape[0] * type.padded(shape[1])) {
            throw wrong(VALUES, "does not fill the matrix");
        }
        if (values.shape().size() != 1) {
            throw wrong(VALUES, "is no list");
        }
        DType decoded = type.decoded();
        long length = shape[0] * shape[1] * decoded.bytes();
        var info = new TensorInfo(name, decoded, layout.shape(), values.offset(), length);
        return new PackedTensor(shard, info, layout, type, values, scales(shape), sparseIndex);
    }

    private ValueType readType() {
        DType elements = shard.find(name + VALUES).orElseThrow().type();
        List<ValueType> known = encoding.types();
        return known.stream()
                .filter(each -> PackedEncoding.elements(each) == elements)
                .findFirst()
                .orElseThrow(
                        () -> wrong(VALUES, "is " + elements + ", and must be " + names(known)));
    }

    /// `BF16, I8 or U8`
    private static String names(List<ValueType> types) {
        String all =
                types.stream()
                        .map(type -> PackedEncoding.elements(type).name())
                        .collect(Collectors.joining(", "));
        int last = all.lastIndexOf(", ");
        return last < 0 ? all : all.substring(0, last) + " or " + all.substring(last + 2);
    }

    private PackedLayout readLayout() {
        TensorInfo part = required(SHAPE, DType.I64);
        boolean is3D = encoding.version() > 1 && part.shape().equals(List.of(3L));
        requireShape(SHAPE, part, is3D ? 3 : 2);
        long[] shape = longs(part);
        for (long extent : shape) {
            if (extent < 1 || extent > LARGEST_EXTENT) {
                throw wrong(SHAPE, "is impossible");
            }
        }
        boolean transposed = readTransposed();
        var layout = new PackedLayout(Arrays.stream(shape).boxed().toList(), transposed);
        if (is3D && shape[0] * shape[transposed ? 2 : 1] > LARGEST_EXTENT) {
            throw wrong(SHAPE, "is impossible");
        }
        return layout;
    }

    private boolean readTransposed() {
        Optional<TensorInfo> part = part(TRANSPOSED, DType.U8);
        if (part.isEmpty()) {
            return false;
        }
        requireShape(TRANSPOSED, part.get(), 1);
        byte value = shard.bytes(part.get())[0];
        if (encoding.version() < 2 || value < 0 || value > 1) {
            throw wrong(TRANSPOSED, "is not known here");
        }
        return value == 1;
    }

    private Optional<TensorInfo> scales(long[] shape) {
        Optional<TensorInfo> scales = part(SCALES, type.scales());
        if (scales.isPresent() != type.isQuantised()) {
            throw wrong(SCALES, type.isQuantised() ? "is missing" : "belongs to no bf16 values");
        }
        scales.ifPresent(part -> requireShape(SCALES, part, shape[0], ValueType.groups(shape[1])));
        return scales;
    }

    private Optional<PackedTensor.SparseIndexTensors> sparseIndex(long[] shape, long stored) {
        Optional<TensorInfo> bitmask = part(BITMASK, DType.U8);
        if (bitmask.isEmpty() && part(ROW_OFFSETS, DType.I64).isEmpty()) {
            return Optional.empty();
        }
        TensorInfo rowOffsets = required(ROW_OFFSETS, DType.I64);
        requireShape(ROW_OFFSETS, rowOffsets, shape[0]);
        requireShape(
                BITMASK, required(BITMASK, DType.U8), shape[0], Math.ceilDiv(shape[1], Byte.SIZE));
        checkOffsets(longs(rowOffsets), stored, shape[1]);
        return Optional.of(new PackedTensor.SparseIndexTensors(bitmask.orElseThrow(), rowOffsets));
    }

    private void checkOffsets(long[] offsets, long stored, long columns) {
        long start = 0;
        for (int row = 0; row < offsets.length; row++) {
            long end = row + 1 < offsets.length ? offsets[row + 1] : stored;
            if (offsets[row] != start
                    || end < start
                    || end - start > type.filled(columns)
                    || end != type.filled(end)) {
                throw wrong(ROW_OFFSETS, "does not cut the values into rows at row " + row);
            }
            start = end;
        }
        if (start != stored) {
            throw wrong(ROW_OFFSETS, "leaves values over");
        }
    }

    private Optional<TensorInfo> part(String suffix, DType expected) {
        Optional<TensorInfo> part = shard.find(name + suffix);
        part.filter(it -> it.type() != expected)
                .ifPresent(it -> {
                    throw wrong(suffix, "is " + it.type() + ", and must be " + expected);
                });
        return part;
    }

    private TensorInfo required(String suffix, DType expected) {
        return part(suffix, expected).orElseThrow(() -> wrong(suffix, "is missing"));
    }

    private void requireShape(String suffix, TensorInfo part, long... shape) {
        List<Long> expected = Arrays.stream(shape).boxed().toList();
        if (!part.shape().equals(expected)) {
            throw wrong(suffix, "has shape " + part.shape() + ", and must have " + expected);
        }
    }

    private long[] longs(TensorInfo part) {
        return MemorySegment.ofArray(shard.bytes(part)).toArray(LONG);
    }

    private InvalidInputException wrong(String suffix, String what) {
        return shard.invalid("tensor " + name + suffix + " " + what);
    }
}
