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
    private final ImportProgress progress;

    private GgufDirectory(GgufFile file, ImportProgress progress) {
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
    static void make(Path file, Path directory, ImportProgress progress) {
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
        try (var writer =
                new SafetensorsWriter(
                        output.resolve(Checkpoint.SINGLE), Map.of("format", "pt"), targets)) {
            for (int i = 0; i < sources.size(); i++) {
                try (Arena memory = Arena.ofShared()) {
                    TensorInfo target = targets.get(i);
                    writer.write(target.name(), decode(sources.get(i), target.length(), memory));
                    progress.advance(target.length(), target.name());
                }
            }
        }
    }

    private MemorySegment decode(GgufFile.Tensor tensor, long length, Arena memory) {
        MemorySegment data = file.data(tensor);
        int headSize = config.turnedRows(tensor.name());
        if (headSize == 0 && !tensor.type().isQuantised()) {
            return data;
        }
        MemorySegment decoded = memory.allocate(length, 64);
        // Rows of a vector are its values, but for blocks of them.
        boolean single = tensor.shape().size() == 1 && !tensor.type().isQuantised();
        int width = single ? 1 : Math.toIntExact(tensor.columns());
        long rows = length / tensor.type().decoded().bytes() / width;
        if (headSize > 0 && rows % headSize != 0) {
            throw file.invalid(
                    "tensor %s is not of heads of %d".formatted(tensor.name(), headSize));
        }
        long sourceBytes = tensor.bytes() / rows;
        long targetBytes = length / rows;
        IntStream.range(0, Math.toIntExact(rows))
                .parallel()
                .forEach(row -> {
                    int source = headSize == 0 ? row : turned(row, headSize);
                    long from = source * sourceBytes;
                    MemorySegment target = decoded.asSlice(row * targetBytes, targetBytes);
                    if (tensor.type().isQuantised()) {
                        float[] values = new float[width];
                        tensor.type().decode(data, from, values);
                        GgmlType.F32.encode(values, target, 0);
                    } else {
                        target.copyFrom(data.asSlice(from, sourceBytes));
                    }
                });
        return decoded;
    }

    /// The row in the file that is row `row` of the checkpoint: there the values that turn together are `size / 2` apart.
    private static int turned(int row, int size) {
        int in = row % size;
        int half = size / 2;
        return row - in + in % half * 2 + in / half;
    }
}
