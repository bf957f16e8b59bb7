package org.wanda4j.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.GgufMapping.Piece;
import org.wanda4j.checkpoint.GgufMapping.Target;
import tools.jackson.databind.node.ObjectNode;

/// A GGUF file as a model directory: its weights decoded to safetensors, its entries as `config.json`, `tokenizer.json` and
/// `tokenizer_config.json`.
///
/// The directory lies in the user's cache, `wanda4j/gguf` in `$XDG_CACHE_HOME` or `~/.cache`, and is made once for each file: its
/// name has a digest of the file's path, size and time of change.
final class GgufDirectory {

    private static final String CACHE = "XDG_CACHE_HOME";

    private final GgufFile file;
    private final GgufMapping.Model model;

    private GgufDirectory(GgufFile file) {
        this.file = file;
        this.model =
                ServiceLoader.load(GgufMapping.class, GgufMapping.class.getClassLoader())
                        .findFirst()
                        .orElseThrow()
                        .of(file);
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
        ObjectNode json = model.config();
        GgufTokenizer.id(file, "bos").ifPresent(id -> json.put("bos_token_id", id));
        GgufTokenizer.id(file, "eos").ifPresent(id -> json.put("eos_token_id", id));
        output.write(
                Map.of(
                        "config.json", Json.write(json),
                        "tokenizer_config.json", Json.write(GgufTokenizer.config(file))));
        GgufTokenizer.json(file)
                .ifPresent(tokenizer ->
                        output.write(Map.of("tokenizer.json", Json.writeLine(tokenizer))));
        try {
            writeWeights(output);
        } catch (IOException e) {
            throw output.failed(e);
        }
    }

    private void writeWeights(OutputDirectory output) throws IOException {
        List<TensorInfo> targets =
                model.tensors().stream()
                        .map(it -> TensorInfo.unplaced(it.name(), type(it), it.shape()))
                        .toList();
        long bytes = targets.stream().mapToLong(TensorInfo::length).sum();
        output.requireSpace(bytes + CheckpointWriter.SPARE_BYTES);
        try (var writer =
                new SafetensorsWriter(
                        output.resolve(Checkpoint.SINGLE), Map.of("format", "pt"), targets)) {
            for (int i = 0; i < targets.size(); i++) {
                try (Arena memory = Arena.ofShared()) {
                    writer.write(
                            targets.get(i).name(),
                            decode(model.tensors().get(i), targets.get(i), memory));
                }
            }
        }
    }

    /// The type that all pieces have; fp32 where they differ, or values were changed.
    private static DType type(Target target) {
        DType type = target.pieces().getFirst().source().type().decoded();
        return target.pieces().stream()
                        .allMatch(piece ->
                                piece.keepsValues() && piece.source().type().decoded() == type)
                ? type
                : DType.F32;
    }

    private MemorySegment decode(Target target, TensorInfo tensor, Arena memory) {
        Piece first = target.pieces().getFirst();
        if (target.pieces().size() == 1
                && first.matrix().isWhole()
                && first.source().bytes() == tensor.length()
                && first.source().type().name().equals(tensor.type().name())
                && isInOrder(first)) {
            return file.data(first.source());
        }
        MemorySegment decoded = memory.allocate(tensor.length(), 64);
        var whole = new TensorView(tensor.name(), tensor.type(), tensor.shape(), decoded);
        for (Piece piece : target.pieces()) {
            MatrixView matrix = piece.matrix();
            if (matrix.isContiguous()) {
                decode(piece, tensor.type(), matrix.of(whole, memory).data());
            } else {
                long values = (long) matrix.rows() * matrix.columns();
                MemorySegment part = memory.allocate(values * tensor.type().bytes(), 64);
                decode(piece, tensor.type(), part);
                matrix.put(part, whole);
            }
        }
        return decoded;
    }

    private static boolean isInOrder(Piece piece) {
        return piece.keepsValues()
                && IntStream.range(0, piece.matrix().rows())
                        .allMatch(row -> piece.order().applyAsInt(row) == row);
    }

    /// @param target receives the rows of the matrix
    private void decode(Piece piece, DType type, MemorySegment target) {
        GgmlType stored = piece.source().type();
        int columns = piece.matrix().columns();
        // A vector is one row of the file.
        boolean vector = columns == 1;
        int width = vector ? piece.matrix().rows() : columns;
        if (piece.first() % stored.blockValues() != 0 || width % stored.blockValues() != 0) {
            throw file.invalid(
                    "tensor %s is of type %s, whose blocks do not end where its parts do"
                            .formatted(piece.source().name(), stored));
        }
        MemorySegment data = file.data(piece.source());
        GgmlType written = GgmlType.valueOf(type.name());
        IntStream.range(0, vector ? 1 : piece.matrix().rows())
                .parallel()
                .forEach(row -> {
                    float[] values = new float[width];
                    stored.decode(data, stored.bytes(piece.first() + (long) row * width), values);
                    float[] placed = new float[width];
                    for (int i = 0; i < width; i++) {
                        placed[vector ? piece.order().applyAsInt(i) : i] = piece.value(values[i]);
                    }
                    int to = vector ? 0 : piece.order().applyAsInt(row);
                    written.encode(placed, target, written.bytes((long) to * width));
                });
    }
}
