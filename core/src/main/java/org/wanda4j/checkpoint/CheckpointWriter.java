package org.wanda4j.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Writes a copy of a checkpoint in which some tensors have other values: same shards, headers, names, order and
/// types, and every tensor that was not written byte for byte as it was.
///
/// All goes to an [OutputDirectory], and so appears whole or not at all.
public final class CheckpointWriter implements AutoCloseable {

    /// For the documents beside the weights, and what the file system keeps of each file.
    static final long SPARE_BYTES = 1L << 20;

    private final Checkpoint source;
    private final OutputDirectory output;
    private final Map<Safetensors, FileChannel> shards = new HashMap<>();
    private final Set<String> written = new HashSet<>();

    private CheckpointWriter(Checkpoint source, OutputDirectory output) {
        this.source = source;
        this.output = output;
    }

    /// Starts a copy of `source` in `output`, which this writer closes.
    ///
    /// @throws InvalidInputException when there is no room or no permission, or `source` is packed
    public static CheckpointWriter create(Checkpoint source, OutputDirectory output) {
        var writer = new CheckpointWriter(source, output);
        try {
            writer.requireOrdinary();
            writer.openShards();
            return writer;
        } catch (IOException e) {
            writer.close();
            throw output.failed(e);
        } catch (RuntimeException e) {
            writer.close();
            throw e;
        }
    }

    /// Gives tensor `name` new values.
    ///
    /// @param data as many bytes as the tensor has, in its own type
    public void write(String name, MemorySegment data) {
        TensorInfo tensor = source.info(name);
        if (data.byteSize() != tensor.length()) {
            throw new IllegalArgumentException(
                    name + ": " + data.byteSize() + " bytes for " + tensor.length());
        }
        try {
            SafetensorsWriter.writeFully(shards.get(source.shardOf(name)), data, tensor.offset());
        } catch (IOException e) {
            throw output.failed(e);
        }
        written.add(name);
    }

    /// Copies all that was not written, and waits until the disk has it.
    public void complete() {
        try {
            for (Safetensors shard : source.shards()) {
                copyRest(shard);
            }
            copyOtherFiles();
            closeShards(true);
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    /// Puts `documents` (file name to text) beside the completed copy, and gives the output its name.
    public void publish(Map<String, String> documents) {
        try {
            for (var document : documents.entrySet()) {
                output.write(document.getKey(), document.getValue());
            }
        } catch (IOException e) {
            throw output.failed(e);
        }
        output.publish();
    }

    /// A directory on the output's disk for what need not survive the run.
    public Path scratch() {
        return output.scratch();
    }

    @Override
    public void close() {
        try {
            closeShards(false);
        } catch (IOException e) {
            // The output was not published: it is discarded below.
        } finally {
            output.close();
        }
    }

    private void requireOrdinary() {
        if (source.packedAs().isPresent()) {
            throw new InvalidInputException(
                    source.directory() + " is packed; unpack it first with wanda unpack");
        }
    }

    private void openShards() throws IOException {
        output.requireSpace(source.bytes() + Companions.bytes(otherFiles()) + SPARE_BYTES);
        for (Safetensors shard : source.shards()) {
            Path file = output.resolve(String.valueOf(shard.path().getFileName()));
            shards.put(
                    shard,
                    FileChannel.open(
                            file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        }
    }

    /// Copies the byte ranges between the written tensors: the header and whatever else there is.
    private void copyRest(Safetensors shard) throws IOException {
        List<TensorInfo> skipped = new ArrayList<>(shard.tensors());
        skipped.removeIf(tensor -> !written.contains(tensor.name()));
        skipped.sort(Comparator.comparingLong(TensorInfo::offset));
        try (FileChannel from = FileChannel.open(shard.path(), StandardOpenOption.READ)) {
            long at = 0;
            for (TensorInfo tensor : skipped) {
                copy(from, shards.get(shard), at, tensor.offset());
                at = tensor.offset() + tensor.length();
            }
            copy(from, shards.get(shard), at, shard.size());
        }
    }

    private static void copy(FileChannel from, FileChannel to, long start, long end)
            throws IOException {
        to.position(start);
        long at = start;
        while (at < end) {
            long moved = from.transferTo(at, end - at, to);
            if (moved <= 0) {
                throw new IOException("the input became shorter while it was copied");
            }
            at += moved;
        }
    }

    private void copyOtherFiles() throws IOException {
        for (Path file : otherFiles()) {
            output.copy(file, String.valueOf(file.getFileName()));
        }
    }

    private List<Path> otherFiles() throws IOException {
        List<Path> others = Companions.of(source);
        if (source.indexed()) {
            others.add(source.directory().resolve(Checkpoint.INDEX));
        }
        return others;
    }

    private void closeShards(boolean force) throws IOException {
        for (FileChannel shard : shards.values()) {
            if (force) {
                shard.force(true);
            }
            shard.close();
        }
        shards.clear();
    }
}
