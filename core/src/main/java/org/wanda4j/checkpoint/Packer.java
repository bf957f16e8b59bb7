package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.LongConsumer;

/// Converts a checkpoint to one that does not store zeros, and back. `docs/packed.md` defines the format.
///
/// A tensor at a time is in memory.
public final class Packer implements AutoCloseable {

    private final long begin = System.nanoTime();
    private final Checkpoint source;
    private final Contents contents;
    private final OutputDirectory output;
    private final LongConsumer progress;
    private final Map<String, MatrixPacker> matrices = new LinkedHashMap<>();
    private final Map<String, OptionalDouble> outputErrors = new HashMap<>();
    private final Set<String> written = new HashSet<>();
    private final CheckpointBuilder builder;

    /// What is packed, and how.
    ///
    /// @param linears from the name of a tensor of linears to whether they are stored transposed there
    /// @param tables names of matrices that are stored dense: embedding and head
    /// @param values of linears
    /// @param tableValues of tables
    private record Contents(
            Map<String, Boolean> linears,
            Set<String> tables,
            ValueType values,
            ValueType tableValues) {}

    private Packer(
            Checkpoint source, Contents contents, OutputDirectory output, LongConsumer progress) {
        this.source = source;
        this.contents = contents;
        this.output = output;
        this.progress = progress;
        this.builder =
                CheckpointBuilder.create(
                        source, output, source.shards().stream().map(this::plan).toList());
    }

    /// Begins a packed copy of `source`: counts zeros, and makes room for everything.
    ///
    /// @param linears where the linears lie; their tensors are stored sparse, or dense where that is smaller
    /// @param tables names of matrices that are stored dense
    /// @param values of linears: bf16, int8 or int4
    /// @param tableValues of tables, likewise
    /// @param output is written, and stays the caller's to close
    /// @param progress receives the bytes of each tensor; in all [#work(Checkpoint)]
    /// @throws InvalidInputException when `source` is packed
    public static Packer begin(
            Checkpoint source,
            Collection<MatrixView> linears,
            Set<String> tables,
            ValueType values,
            ValueType tableValues,
            OutputDirectory output,
            LongConsumer progress) {
        if (source.packedAs().isPresent()) {
            throw new InvalidInputException(source.directory() + " is packed already");
        }
        if (!values.isPacked() || !tableValues.isPacked()) {
            throw new IllegalArgumentException("not a type to pack in");
        }
        Map<String, Boolean> transposed = new HashMap<>();
        linears.forEach(view -> transposed.put(view.tensor(), view.transposed()));
        return new Packer(
                source,
                new Contents(transposed, Set.copyOf(tables), values, tableValues),
                output,
                progress);
    }

    /// Writes a packed copy of `source`, each weight rounded by itself.
    ///
    /// @param linears where the linears lie; their tensors are stored sparse, or dense where that is smaller
    /// @param tables names of matrices that are stored dense
    /// @param values of both: bf16, int8 or int4
    /// @param output is written, and stays the caller's to close
    /// @param progress receives the bytes of each tensor; in all [#work(Checkpoint)]
    /// @throws InvalidInputException when `source` is packed, or a weight cannot be expressed
    public static PackReport pack(
            Checkpoint source,
            Collection<MatrixView> linears,
            Set<String> tables,
            ValueType values,
            OutputDirectory output,
            LongConsumer progress) {
        try (var packer = begin(source, linears, tables, values, values, output, progress)) {
            return packer.finish(OptionalLong.empty());
        }
    }

    /// Writes an ordinary copy of the packed `source`: every packed matrix in bf16, or in fp32 where its scales are fp16.
    ///
    /// @param output is written, and stays the caller's to close
    /// @param progress receives the bytes of each tensor; in all half of [#work(Checkpoint)]
    /// @throws InvalidInputException when `source` is not packed
    public static void unpack(Checkpoint source, OutputDirectory output, LongConsumer progress) {
        if (!source.isEncoded()) {
            throw new InvalidInputException(
                    source.directory() + " is not packed: it is an ordinary checkpoint already");
        }
        List<CheckpointBuilder.Shard> shards =
                source.shards().stream().map(source::ordinary).toList();
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

    /// Writes a tensor, whose other rows are rounded by themselves.
    ///
    /// @param rounded matrices of the tensor, in its type
    public void write(String tensor, List<RoundedMatrix> rounded) {
        rounded.stream()
                .mapToDouble(RoundedMatrix::outputError)
                .average()
                .ifPresent(mean -> outputErrors.put(tensor, OptionalDouble.of(mean)));
        write(source.info(tensor), rounded);
    }

    /// Puts documents beside the weights.
    ///
    /// @param documents file name to text
    public void add(Map<String, String> documents) {
        output.write(documents);
    }

    /// Writes all that was not written, and publishes the copy.
    ///
    /// @param calibrationTokens of the text that rounding went by, where it did
    /// @throws InvalidInputException when a weight cannot be expressed
    public PackReport finish(OptionalLong calibrationTokens) {
        for (TensorInfo tensor : source.tensors()) {
            if (!written.contains(tensor.name())) {
                write(tensor, List.of());
            }
        }
        builder.publish();
        try (Checkpoint packed = Checkpoint.open(output.target())) {
            return new PackReport(
                    source.directory().toString(),
                    output.target().toString(),
                    contents.values.label(),
                    source.bytes(),
                    packed.bytes(),
                    (System.nanoTime() - begin) / 1e9,
                    calibrationTokens,
                    Optional.empty(),
                    matrices.entrySet().stream()
                            .map(each ->
                                    each.getValue()
                                            .report(
                                                    source.bytes(each.getKey()),
                                                    outputErrors.getOrDefault(
                                                            each.getKey(), OptionalDouble.empty())))
                            .toList());
        }
    }

    private CheckpointBuilder.Shard plan(Safetensors file) {
        CheckpointBuilder.Shard shard = source.ordinary(file);
        List<TensorInfo> parts = new ArrayList<>();
        for (TensorInfo tensor : shard.tensors()) {
            parts.addAll(plan(tensor));
            progress.accept(tensor.length());
        }
        int version =
                shard.tensors().stream()
                        .map(tensor -> matrices.get(tensor.name()))
                        .filter(Objects::nonNull)
                        .mapToInt(matrix -> matrix.version(contents.values))
                        .max()
                        .orElse(1);
        return new CheckpointBuilder.Shard(
                shard.file(),
                new PackedEncoding(Optional.of(contents.values), version).mark(shard.metadata()),
                parts);
    }

    private List<TensorInfo> plan(TensorInfo tensor) {
        boolean sparse = contents.linears.containsKey(tensor.name());
        if (!sparse
                && (!contents.tables.contains(tensor.name())
                        || !contents.tableValues.isQuantised())) {
            return List.of(tensor);
        }
        try (Arena memory = Arena.ofShared()) {
            TensorView weight = source.map(tensor.name(), memory);
            MatrixPacker matrix =
                    sparse
                            ? sparseOrDense(weight, tensor, memory)
                            : MatrixPacker.dense(weight, tensor, contents.tableValues);
            matrices.put(tensor.name(), matrix);
            return matrix.parts();
        }
    }

    private MatrixPacker sparseOrDense(TensorView weight, TensorInfo tensor, Arena memory) {
        var layout = new PackedLayout(tensor.shape(), contents.linears.get(tensor.name()));
        return MatrixPacker.sparseOrDense(
                layout.matrix(weight, memory), tensor, layout, contents.values);
    }

    private void write(TensorInfo tensor, List<RoundedMatrix> rounded) {
        try (Arena memory = Arena.ofShared()) {
            TensorView weight = source.map(tensor.name(), memory);
            MatrixPacker matrix = matrices.get(tensor.name());
            if (matrix == null) {
                builder.write(tensor.name(), weight.data());
            } else {
                matrix.pack(weight, rounded, memory).forEach(builder::write);
            }
        }
        written.add(tensor.name());
        progress.accept(tensor.length());
    }

    @Override
    public void close() {
        builder.close();
    }
}
