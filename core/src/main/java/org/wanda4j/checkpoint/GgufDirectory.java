package org.wanda4j.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/// A GGUF file as a model directory: its weights decoded to safetensors, its entries as `config.json`, `tokenizer.json` and
/// `tokenizer_config.json`.
///
/// [GgufCache] says where the directory lies.
final class GgufDirectory {

    private final GgufFile file;
    private final GgufConfig config;
    private final ByteProgress progress;

    private GgufDirectory(GgufFile file, ByteProgress progress) {
        this.file = file;
        this.progress = progress;
        this.config = GgufConfig.of(file);
    }

    /// Whether `file` is a GGUF file.
    static boolean is(Path file) {
        if (!Files.isRegularFile(file)) {
            return false;
        }
        try (InputStream in = Files.newInputStream(file)) {
            return GgufFile.is(in.readNBytes(Integer.BYTES));
        } catch (IOException e) {
            return false; // Whoever reads it will say so.
        }
    }

    /// Writes the directory of the model in `file`; it appears when it is complete.
    static void make(Path file, Path directory, ByteProgress progress) {
        try (GgufFile opened = GgufFile.open(file);
                var output = OutputDirectory.claim(directory, file, false)) {
            new GgufDirectory(opened, progress).write(output);
            output.publish();
        }
    }

    private void write(OutputDirectory output) {
        output.write(
                Map.of(
                        "config.json", Json.write(config.json()),
                        "tokenizer_config.json", Json.write(GgufTokenizer.config(file))));
        GgufTokenizer.json(file)
                .ifPresent(json -> output.write(Map.of("tokenizer.json", Json.writeLine(json))));
        try {
            writeWeights(output);
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    private void writeWeights(OutputDirectory output) throws IOException {
        List<GgufFile.Tensor> sources = new ArrayList<>();
        List<TensorInfo> targets = new ArrayList<>();
        for (GgufFile.Tensor tensor : file.tensors()) {
            Optional<String> name = config.name(tensor.name());
            if (name.isPresent()) {
                sources.add(tensor);
                targets.add(
                        TensorInfo.unplaced(name.get(), tensor.type().decoded(), tensor.shape()));
            }
        }
        long bytes = targets.stream().mapToLong(TensorInfo::length).sum();
        output.requireSpace(bytes + CheckpointWriter.SPARE_BYTES);
        progress.start(String.valueOf(file.path().getFileName()), bytes);
        try (Arena memory = Arena.ofShared();
                var writer =
                        new SafetensorsWriter(
                                output.resolve(Checkpoint.SINGLE),
                                Map.of("format", "pt"),
                                targets);
                var behind = new WriteBehind()) {
            var parts = new Parts(writer, behind, memory);
            for (int i = 0; i < sources.size(); i++) {
                write(sources.get(i), targets.get(i), parts);
            }
            behind.settle();
        }
    }

    /// Memory for what is decoded, while what was decoded before is written.
    private final class Parts {

        private static final long BYTES = 32 << 20;

        private final SafetensorsWriter writer;
        private final WriteBehind behind;
        private final Arena memory;
        private MemorySegment next = MemorySegment.NULL;
        private MemorySegment written = MemorySegment.NULL;

        Parts(SafetensorsWriter writer, WriteBehind behind, Arena memory) {
            this.writer = writer;
            this.behind = behind;
            this.memory = memory;
        }

        /// Room for a part. What it holds is to be passed to [#write] before the next call.
        MemorySegment room(long bytes) {
            if (next.byteSize() < bytes) {
                next = memory.allocate(Math.max(bytes, BYTES), 64);
            }
            return next.asSlice(0, bytes);
        }

        /// Writes a part of a tensor, once the part before is written.
        void write(TensorInfo tensor, long from, MemorySegment part) throws IOException {
            behind.settle();
            behind.submit(() -> writer.write(tensor.name(), from, part));
            progress.advance(part.byteSize(), tensor.name());
            MemorySegment free = written;
            written = next;
            next = free;
        }
    }

    private void write(GgufFile.Tensor tensor, TensorInfo target, Parts parts) throws IOException {
        MemorySegment data = file.data(tensor);
        int headSize = config.turnedRows(tensor.name());
        if (headSize == 0 && !tensor.type().isQuantised()) {
            parts.write(target, 0, data);
            return;
        }
        // Rows of a vector are its values, but for blocks of them.
        boolean single = tensor.shape().size() == 1 && !tensor.type().isQuantised();
        int width = single ? 1 : Math.toIntExact(tensor.columns());
        long rows = target.length() / tensor.type().decoded().bytes() / width;
        if (headSize > 0 && rows % headSize != 0) {
            throw file.invalid(
                    "tensor %s is not of heads of %d".formatted(tensor.name(), headSize));
        }
        long sourceBytes = tensor.bytes() / rows;
        long targetBytes = target.length() / rows;
        int most = (int) Math.max(1, Parts.BYTES / targetBytes);
        for (long first = 0; first < rows; first += most) {
            long from = first;
            int count = (int) Math.min(most, rows - first);
            MemorySegment part = parts.room(count * targetBytes);
            IntStream.range(0, count)
                    .parallel()
                    .forEach(i -> {
                        long row = from + i;
                        long source = headSize == 0 ? row : turned(row, headSize);
                        MemorySegment decoded = part.asSlice(i * targetBytes, targetBytes);
                        if (tensor.type().isQuantised()) {
                            float[] values = new float[width];
                            tensor.type().decode(data, source * sourceBytes, values);
                            GgmlType.F32.encode(values, decoded, 0);
                        } else {
                            decoded.copyFrom(data.asSlice(source * sourceBytes, sourceBytes));
                        }
                    });
            parts.write(target, first * targetBytes, part);
        }
    }

    /// The row in the file that is row `row` of the checkpoint: there the values that turn together are `size / 2` apart.
    private static long turned(long row, int size) {
        long in = row % size;
        int half = size / 2;
        return row - in + in % half * 2 + in / half;
    }
}
