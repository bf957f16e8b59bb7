package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.util.Optional;

/// A tensor whose elements lie in the file one after the other.
record PlainTensor(Safetensors shard, TensorInfo info) implements StoredTensor {

    @Override
    public TensorView map(Arena arena) {
        return shard.map(info, arena);
    }

    @Override
    public PackedMatrix matrix(Arena arena) {
        ValueType type =
                switch (info.type()) {
                    case F32 -> ValueType.F32;
                    case F16 -> ValueType.F16;
                    case BF16 -> ValueType.BF16;
                    default -> throw noMatrix();
                };
        if (info.shape().size() != 2
                || info.shape().stream().anyMatch(extent -> extent > Integer.MAX_VALUE)) {
            throw noMatrix();
        }
        return new PackedMatrix(
                Math.toIntExact(info.shape().get(0)),
                Math.toIntExact(info.shape().get(1)),
                type,
                shard.mapOn(info, arena),
                Optional.empty(),
                Optional.empty());
    }

    private InvalidInputException noMatrix() {
        return shard.invalid(
                "tensor %s (%s %s) is no matrix of weights"
                        .formatted(info.name(), info.type(), info.shape()));
    }
}
