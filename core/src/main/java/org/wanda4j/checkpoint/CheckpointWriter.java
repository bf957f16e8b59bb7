package org.wanda4j.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Writes a copy of a checkpoint in which some tensors have other values: same shards, headers, names, order and
/// types, and every tensor that was not written byte for byte as it was. Of a packed source, the packed matrices cannot be written.
/// Where a GGUF file came with quantised matrices, these lie in the copy as in an ordinary checkpoint.
///
/// All goes to an [OutputDirectory], and so appears whole or not at all. Tensors are written on a thread of its own, while
/// the caller computes: the memory that they are written from must stay until [#settle()] or [#abandon()].
public final class CheckpointWriter implements AutoCloseable {

    /// For the documents beside the weights, and what the file system keeps of each file.
    static final long SPARE_BYTES = 1L << 20;

    private final Checkpoint source;
    private final OutputDirectory output;
    private final Map<Safetensors, FileChannel> shards = new HashMap<>();

    /// Of the shards that lie otherwise in an ordinary checkpoint than in the source.
    private final Map<Safetensors, SafetensorsWriter.Layout> layouts;

    private final Set<Safetensors> unforced = new HashSet<>();
    private final Set<String> written = new LinkedHashSet<>();
    private final WriteBehind thread = new WriteBehind();

    private CheckpointWriter(Checkpoint source, OutputDirectory output) {
        this.source = source;
        this.output = output;
        this.layouts = source.copiedLayouts();
    }

    /// Begins or goes on with a copy of `source` in `output`, which this writer closes.
    ///
    /// @param written names of the tensors that have been written; none where it begins
    /// @throws InvalidInputException when there is no space or no permission, or what was written is not there
    public static CheckpointWriter resume(
            Checkpoint source, OutputDirectory output, Collection<String> written) {
        var writer = new CheckpointWriter(source, output);
        try {
            writer.written.addAll(written);
            writer.requireSpace(0);
            writer.openShards();
            return writer;
        } catch (IOException e) {
            writer.close();
            throw output.failed(e);
        } catch (RuntimeException | Error e) {
            writer.close();
            throw e;
        }
    }

    /// Checks that the disk has space for what is still to be written.
    ///
    /// @param more bytes that will be needed besides
    /// @throws InvalidInputException when it has not
    public void requireSpace(long more) {
        try {
            long there = written.stream().mapToLong(name -> source.info(name).length()).sum();
            long sidecars = SidecarFiles.bytes(otherFiles());
            output.requireSpace(source.copiedBytes() - there + sidecars + SPARE_BYTES + more);
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    /// What a tensor is, and where it lies in the output.
    private TensorInfo place(String name) {
        SafetensorsWriter.Layout layout = layouts.get(source.shardOf(name));
        return layout == null ? source.info(name) : layout.place(name);
    }

    /// Gives tensor `name` new values.
    ///
    /// @param data as many bytes as the tensor has, in its own type
    public void write(String name, MemorySegment data) {
        TensorInfo tensor = place(name);
        if (data.byteSize() != tensor.length()) {
            throw new IllegalArgumentException(
                    name + ": " + data.byteSize() + " bytes for " + tensor.length());
        }
        Safetensors shard = source.shardOf(name);
        submit(() -> {
            Disk.writeFully(shards.get(shard), data, tensor.offset());
            unforced.add(shard);
        });
        written.add(name);
    }

    /// Gives a matrix new values; what else its tensor holds stays as it is in the source, or as it was written.
    ///
    /// @param matrix rows x columns, in the tensor's type
    public void write(MatrixView view, MemorySegment matrix) {
        if (view.isWhole()) {
            write(view.tensor(), matrix);
            return;
        }
        TensorInfo tensor = place(view.tensor());
        Safetensors shard = source.shardOf(view.tensor());
        boolean first = written.add(view.tensor());
        submit(() -> {
            FileChannel file = shards.get(shard);
            try (Arena memory = Arena.ofConfined()) {
                if (first) {
                    TensorView dense = source.map(view.tensor(), memory);
                    Disk.writeFully(file, dense.data(), tensor.offset());
                }
                if (view.isContiguous()) {
                    long start = view.start() * tensor.type().bytes();
                    Disk.writeFully(file, matrix, tensor.offset() + start);
                } else {
                    put(view, matrix, tensor, file, memory);
                }
            }
            unforced.add(shard);
        });
    }

    /// Writes a matrix whose rows do not follow each other in its tensor.
    private static void put(
            MatrixView view,
            MemorySegment matrix,
            TensorInfo tensor,
            FileChannel file,
            Arena memory)
            throws IOException {
        MemorySegment data = memory.allocate(tensor.length(), 64);
        Disk.readFully(file, data, tensor.offset());
        view.put(matrix, new TensorView(tensor.name(), tensor.type(), tensor.shape(), data));
        Disk.writeFully(file, data, tensor.offset());
    }

    /// Keeps the bytes of `parts`, one after the other, for a resumed run; they are not part of the output.
    ///
    /// @param file a name
    public void keep(String file, List<MemorySegment> parts) {
        submit(() -> {
            try (FileChannel channel =
                    FileChannel.open(
                            output.work().resolve(file),
                            StandardOpenOption.CREATE,
                            StandardOpenOption.WRITE)) {
                long at = 0;
                for (MemorySegment part : parts) {
                    Disk.writeFully(channel, part, at);
                    at += part.byteSize();
                }
            }
        });
    }

    /// Keeps a file that is in [#scratch()] already, complete and on the disk, under another name.
    ///
    /// @param file a name
    /// @return where it is
    public Path keep(String file, Path complete) {
        try {
            return Files.move(
                    complete,
                    output.work().resolve(file),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    /// Where `file` is kept.
    ///
    /// @throws InvalidInputException when it is not, or is of another size
    public Path keptAt(String file, long bytes) {
        requireKept(file, bytes);
        return output.work().resolve(file);
    }

    /// Fills `parts` with what was kept as `file`.
    public void restore(String file, List<MemorySegment> parts) {
        try (FileChannel channel =
                FileChannel.open(output.work().resolve(file), StandardOpenOption.READ)) {
            long at = 0;
            for (MemorySegment part : parts) {
                Disk.readFully(channel, part, at);
                at += part.byteSize();
            }
        } catch (IOException e) {
            throw damaged(file + ": " + Reason.of(e), e);
        }
    }

    /// How many bytes are kept as `file`.
    public long kept(String file) {
        try {
            Path path = output.work().resolve(file);
            return Files.exists(path) ? Files.size(path) : 0;
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    /// Checks that `file` is kept.
    ///
    /// @throws InvalidInputException when it is not, or is of another size
    public void requireKept(String file, long bytes) {
        if (kept(file) != bytes) {
            throw damaged(file, null);
        }
    }

    /// Waits until all requested writes are done, though not until the disk has them.
    public void settle() {
        try {
            thread.settle();
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    /// Drops writes that have not begun: nothing can be written any more, and no memory is read.
    public void abandon() {
        thread.abandon();
    }

    /// Writes the journal, once the disk has all that was written before. The caller does not wait for it.
    ///
    /// @param text the whole of it
    /// @param kept files of [#keep(String, List)] that it refers to
    public void writeJournal(String text, List<String> kept) {
        submit(() -> {
            for (String file : kept) {
                Disk.force(output.work().resolve(file));
            }
            for (Safetensors shard : unforced) {
                shards.get(shard).force(false);
            }
            unforced.clear();
            output.writeJournal(text);
        });
    }

    /// Names of the tensors that have other values than in the source.
    public List<String> written() {
        return List.copyOf(written);
    }

    /// Copies all that was not written, and waits until the disk has it.
    public void complete() {
        settle();
        try {
            for (Safetensors shard : source.shards()) {
                if (layouts.containsKey(shard)) {
                    decodeRest(shard);
                } else {
                    copyRest(shard);
                }
            }
            copyOtherFiles();
            for (FileChannel shard : shards.values()) {
                shard.force(true);
            }
            Disk.closeAll(shards.values());
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    /// Puts `documents` (file name to text) beside the completed copy, and gives the output its name.
    public void publish(Map<String, String> documents) {
        output.write(documents);
        output.publish();
    }

    /// A directory on the output's disk for what need not survive the run.
    public Path scratch() {
        return output.work();
    }

    @Override
    public void close() {
        thread.close();
        try {
            Disk.closeAll(shards.values());
        } catch (IOException e) {
            // The output was not published: it is discarded below, or its journal lists what
            // the disk has.
        } finally {
            output.close();
        }
    }

    private void submit(WriteBehind.Work work) {
        try {
            thread.submit(work);
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    private void openShards() throws IOException {
        for (Safetensors shard : source.shards()) {
            Path file = output.resolve(String.valueOf(shard.path().getFileName()));
            shards.put(
                    shard,
                    FileChannel.open(
                            file,
                            StandardOpenOption.CREATE,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE));
        }
        for (String name : written) {
            TensorInfo tensor = place(name);
            if (shards.get(source.shardOf(name)).size() < tensor.offset() + tensor.length()) {
                throw damaged(name, null);
            }
        }
        output.forceNames();
    }

    private InvalidInputException damaged(String what, IOException cause) {
        return new InvalidInputException(
                "%s.partial lacks what its journal speaks of (%s); start afresh with --force"
                        .formatted(output.target(), what),
                cause);
    }

    /// Writes the header, and every tensor that was not written.
    private void decodeRest(Safetensors shard) throws IOException {
        FileChannel file = shards.get(shard);
        Disk.writeFully(file, layouts.get(shard).start(), 0);
        for (TensorInfo tensor : source.ordinary(shard).tensors()) {
            if (!written.contains(tensor.name())) {
                try (Arena memory = Arena.ofConfined()) {
                    Disk.writeFully(
                            file,
                            source.map(tensor.name(), memory).data(),
                            place(tensor.name()).offset());
                }
            }
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
        SidecarFiles.copy(otherFiles(), output);
    }

    private List<Path> otherFiles() throws IOException {
        List<Path> others = SidecarFiles.of(source);
        if (source.indexed()) {
            others.add(source.directory().resolve(Checkpoint.INDEX));
        }
        return others;
    }
}
