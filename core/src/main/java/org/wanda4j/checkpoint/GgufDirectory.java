package org.wanda4j.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/// A GGUF file as a model directory: its weights decoded to safetensors, its entries as `config.json`, `tokenizer.json` and
/// `tokenizer_config.json`.
///
/// The directory lies in the user's cache, `wanda4j/gguf` in `$XDG_CACHE_HOME` or `~/.cache`, and is made once for each file: its
/// name has a digest of the file's path, size and time of change.
final class GgufDirectory {

    private static final String CACHE = "XDG_CACHE_HOME";

    private final GgufFile file;
    private final GgufConfig config;

    private GgufDirectory(GgufFile file) {
        this.file = file;
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

    /// The directory of the model in `file`. Threads that ask at the same time wait for the one that makes it.
    ///
    /// @throws InvalidInputException when it is not read here, or the directory cannot be made
    static synchronized Path of(Path file) {
        try {
            Path directory = cache().resolve(name(file.toRealPath()));
            if (!Files.isDirectory(directory)) {
                make(file, directory);
            }
            return directory;
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + file + ": " + Reason.of(e), e);
        }
    }

    private static Path cache() {
        String configured = System.getenv(CACHE);
        Path root =
                configured != null && Path.of(configured).isAbsolute()
                        ? Path.of(configured)
                        : Path.of(System.getProperty("user.home"), ".cache");
        return root.resolve("wanda4j").resolve("gguf");
    }

    private static String name(Path file) throws IOException {
        String identity =
                file + "\n" + Files.size(file) + "\n" + Files.getLastModifiedTime(file).toMillis();
        byte[] digest = Sha256.begin().digest(identity.getBytes(StandardCharsets.UTF_8));
        String stem = String.valueOf(file.getFileName()).replaceFirst("(?i)\\.gguf$", "");
        return stem + "-" + HexFormat.of().formatHex(digest, 0, 8);
    }

    /// Writes the directory of the model in `file`; it appears when it is complete.
    static void make(Path file, Path directory) {
        try (GgufFile opened = GgufFile.open(file);
                var output = OutputDirectory.claim(directory, file, false)) {
            new GgufDirectory(opened).write(output);
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
        try (var writer =
                new SafetensorsWriter(
                        output.resolve(Checkpoint.SINGLE), Map.of("format", "pt"), targets)) {
            for (int i = 0; i < sources.size(); i++) {
                try (Arena memory = Arena.ofShared()) {
                    writer.write(
                            targets.get(i).name(),
                            decode(sources.get(i), targets.get(i).length(), memory));
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
