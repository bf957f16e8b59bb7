package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;

/// Converts a checkpoint to one that does not store zeros, and back. `docs/packed.md` defines the format.
///
/// A tensor at a time is in memory.
public final class Packer {

    private final Checkpoint source;
    private final Map<String, Boolean> linears;
    private final Set<String> tables;
    private final ValueType values;
    private final LongConsumer progress;
    private final Map<String, MatrixPacker> matrices = new LinkedHashMap<>();

    private Packer(
            Checkpoint source,
            Map<String, Boolean> linears,
            Set<String> tables,
            ValueType values,
            LongConsumer progress) {
        this.source = source;
        this.linears = linears;
        this.tables = tables;
        this.values = values;
        this.progress = progress;
    }

    /// Writes a packed copy of `source`.
    ///
    /// @param linears where the linears lie; their tensors are stored sparse, or dense where that is smaller
    /// @param tables names of matrices that are stored dense
    /// @param values bf16, int8 or int4
    /// @param output is written, and stays the caller's to close
    /// @param progress receives the bytes of each matrix; in all [#work(Checkpoint)]
    /// @throws InvalidInputException when `source` is packed, or a weight cannot be expressed
    public static PackReport pack(
            Checkpoint source,
            Collection<MatrixView> linears,
            Set<String> tables,
            ValueType values,
            OutputDirectory output,
            LongConsumer progress) {
        if (source.packedAs().isPresent()) {
            throw new InvalidInputException(source.directory() + " is packed already");
        }
        if (!values.isPacked()) {
            throw new IllegalArgumentException("not a type to pack in: " + values);
        }
        long begin = System.nanoTime();
        Map<String, Boolean> transposed = new HashMap<>();
        linears.forEach(view -> transposed.put(view.tensor(), view.transposed()));
        var packer = new Packer(source, transposed, tables, values, progress);
        packer.write(output);
        try (Checkpoint packed = Checkpoint.open(output.target())) {
            return new PackReport(
                    source.directory().toString(),
                    output.target().toString(),
                    values.label(),
                    source.bytes(),
                    packed.bytes(),
                    (System.nanoTime() - begin) / 1e9,
                    packer.matrices.values().stream().map(MatrixPacker::report).toList());
        }
    }

    /// Writes an ordinary copy of the packed `source`: every matrix in bf16.
    ///
    /// @param output is written, and stays the caller's to close
    /// @param progress receives the bytes of each tensor; in all half of [#work(Checkpoint)]
    /// @throws InvalidInputException when `source` is not packed
    public static void unpack(Checkpoint source, OutputDirectory output, LongConsumer progress) {
        if (source.packedAs().isEmpty()) {
            throw new InvalidInputException(source.directory() + " is not packed");
        }
        List<CheckpointBuilder.Shard> shards = new ArrayList<>();
        for (Safetensors shard : source.shards()) {
            shards.add(
                    new CheckpointBuilder.Shard(
                            String.valueOf(shard.path().getFileName()),
                            PackedEncoding.unmark(shard.metadata()),
                            source.tensors().stream()
                                    .filter(tensor -> source.shardOf(tensor.name()) == shard)
                                    .toList()));
        }
        try (var builder = CheckpointBuilder.create(source, output, shards)) {
            for (TensorInfo tensor : source.tensors()) {
                try (Arena memory = Arena.ofConfined()) {
                    builder.write(tensor.name(), source.map(tensor.name(), memory).data());
                }
                progress.accept(tensor.length());
            }
            builder.publish();
        }
    }

    /// Bytes that packing `source` reads: every tensor twice.
    public static long work(Checkpoint source) {
        return 2 * source.tensors().stream().mapToLong(TensorInfo::length).sum();
    }

    private void write(OutputDirectory output) {
        List<CheckpointBuilder.Shard> shards = source.shards().stream().map(this::plan).toList();
        try (var builder = CheckpointBuilder.create(source, output, shards)) {
            for (TensorInfo tensor : source.tensors()) {
                write(tensor, builder);
                progress.accept(tensor.length());
            }
            builder.publish();
        }
    }

    private CheckpointBuilder.Shard plan(Safetensors shard) {
        List<TensorInfo> parts = new ArrayList<>();
        for (TensorInfo tensor : shard.tensors()) {
            parts.addAll(plan(tensor));
            progress.accept(tensor.length());
        }
        boolean second =
                shard.tensors().stream()
                        .map(tensor -> matrices.get(tensor.name()))
                        .anyMatch(matrix -> matrix != null && matrix.needsSecondVersion());
        return new CheckpointBuilder.Shard(
                String.valueOf(shard.path().getFileName()),
                new PackedEncoding(values, second ? 2 : 1).mark(shard.metadata()),
                parts);
    }

    private List<TensorInfo> plan(TensorInfo tensor) {
        boolean sparse = linears.containsKey(tensor.name());
        if (!sparse && (!tables.contains(tensor.name()) || !values.isQuantised())) {
            return List.of(tensor);
        }
        try (Arena memory = Arena.ofShared()) {
            TensorView weight = source.map(tensor.name(), memory);
            MatrixPacker matrix =
                    sparse
                            ? sparseOrDense(weight, tensor, memory)
                            : MatrixPacker.dense(weight, tensor, values);
            matrices.put(tensor.name(), matrix);
            return matrix.parts();
        }
    }

    private MatrixPacker sparseOrDense(TensorView weight, TensorInfo tensor, Arena memory) {
        var layout = new PackedLayout(tensor.shape(), linears.get(tensor.name()));
        return MatrixPacker.sparseOrDense(layout.matrix(weight, memory), tensor, layout, values);
    }

    private void write(TensorInfo tensor, CheckpointBuilder builder) {
        try (Arena memory = Arena.ofShared()) {
            TensorView weight = source.map(tensor.name(), memory);
            MatrixPacker matrix = matrices.get(tensor.name());
            if (matrix == null) {
                builder.write(tensor.name(), weight.data());
            } else {
                matrix.pack(weight, memory).forEach(builder::write);
            }
        }
    }
}
