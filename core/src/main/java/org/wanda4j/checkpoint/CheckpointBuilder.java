package org.wanda4j.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Writes a checkpoint that has other tensors than its source, in shards of the same names. Sidecar files are copied.
///
/// All goes to an [OutputDirectory], and so appears whole or not at all.
final class CheckpointBuilder implements AutoCloseable {

    /// One file of weights.
    ///
    /// @param file its name
    /// @param tensors in the order of the header; without offsets
    record Shard(String file, Map<String, String> metadata, List<TensorInfo> tensors) {

        long bytes() {
            return tensors.stream().mapToLong(TensorInfo::length).sum();
        }
    }

    private final Checkpoint source;
    private final OutputDirectory output;
    private final List<Shard> shards;
    private final List<SafetensorsWriter> writers = new ArrayList<>();
    private final Map<String, SafetensorsWriter> writerOf = new HashMap<>();

    private CheckpointBuilder(Checkpoint source, OutputDirectory output, List<Shard> shards) {
        this.source = source;
        this.output = output;
        this.shards = shards;
    }

    /// Starts the shards in `output`, which stays the caller's.
    ///
    /// @throws InvalidInputException when there is no space or no permission
    static CheckpointBuilder create(Checkpoint source, OutputDirectory output, List<Shard> shards) {
        var builder = new CheckpointBuilder(source, output, shards);
        try {
            builder.openShards();
            return builder;
        } catch (IOException e) {
            builder.close();
            throw output.failed(e);
        } catch (RuntimeException | Error e) {
            builder.close();
            throw e;
        }
    }

    private void openShards() throws IOException {
        output.requireSpace(
                bytes()
                        + SidecarFiles.bytes(SidecarFiles.of(source))
                        + CheckpointWriter.SPARE_BYTES);
        for (Shard shard : shards) {
            Path file = output.resolve(shard.file());
            var writer = new SafetensorsWriter(file, shard.metadata(), shard.tensors());
            writers.add(writer);
            shard.tensors().forEach(tensor -> writerOf.put(tensor.name(), writer));
        }
    }

    /// Writes all of tensor `name`.
    void write(String name, MemorySegment data) {
        try {
            writerOf.get(name).write(name, data);
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    /// Waits until the disk has every tensor, and gives the output its name.
    void publish() {
        try {
            for (SafetensorsWriter writer : writers) {
                writer.force();
            }
            Disk.closeAll(writers);
            if (source.indexed()) {
                output.write(Checkpoint.INDEX, index());
            }
            SidecarFiles.copy(SidecarFiles.of(source), output);
        } catch (IOException e) {
            throw output.failed(e);
        }
        output.publish();
    }

    private String index() {
        Map<String, String> shardOf = new TreeMap<>();
        for (Shard shard : shards) {
            shard.tensors().forEach(tensor -> shardOf.put(tensor.name(), shard.file()));
        }
        return Json.write(Map.of("metadata", Map.of("total_size", bytes()), "weight_map", shardOf));
    }

    private long bytes() {
        return shards.stream().mapToLong(Shard::bytes).sum();
    }

    @Override
    public void close() {
        try {
            Disk.closeAll(writers);
        } catch (IOException e) {
            // Everything has been forced to the disk before.
        }
    }
}
