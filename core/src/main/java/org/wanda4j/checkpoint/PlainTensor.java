package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Function;

/// A tensor whose elements lie in the file one after the other.
record PlainTensor(Safetensors shard, TensorInfo info) implements StoredTensor {

    @Override
    public TensorView map(Arena arena) {
        return shard.map(info, arena);
    }

    @Override
    public PackedMatrix matrix(Function<TensorInfo, MemorySegment> mapped) {
        int last = info.shape().size() - 1;
        if (!info.type().isWeight() || last < 1 || last > 2 || info.elements() == 0) {
            throw noMatrix();
        }
        long columns = info.shape().get(last);
        long rows = info.elements() / columns;
        if (Math.max(rows, columns) > Integer.MAX_VALUE) {
            throw noMatrix();
        }
        return new PackedMatrix(
                (int) rows,
                (int) columns,
                ValueType.of(info.type()),
                mapped.apply(info),
                Optional.empty(),
                Optional.empty());
    }

    @Override
    public boolean isTransposed() {
        return false;
    }

    @Override
    public long bytes() {
        return info.length();
    }

    @Override
    public String typeName() {
        return info.type().name();
    }

    private InvalidInputException noMatrix() {
        return shard.invalid(
                "tensor %s (%s %s) is no matrix of weights"
                        .formatted(info.name(), info.type(), info.shape()));
    }
}
