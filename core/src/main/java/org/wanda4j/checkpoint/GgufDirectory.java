package org.wanda4j.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
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
/// [GgufCache] says where the directory lies.
final class GgufDirectory {

    private final GgufFile file;
    private final GgufMapping.Model model;
    private final ByteProgress progress;

    private GgufDirectory(GgufFile file, ByteProgress progress) {
        this.file = file;
        this.progress = progress;
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

    /// Writes the directory of the model in `file`; it appears when it is complete.
    static void make(Path file, Path directory, ByteProgress progress) {
        try (GgufFile opened = GgufFile.open(file);
                var output = OutputDirectory.claim(directory, file, false)) {
            new GgufDirectory(opened, progress).write(output);
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
        progress.start(String.valueOf(file.path().getFileName()), bytes);
        try (Arena memory = Arena.ofShared();
                var writer =
                        new SafetensorsWriter(
                                output.resolve(Checkpoint.SINGLE),
                                Map.of("format", "pt"),
                                targets);
                var behind = new WriteBehind()) {
            var parts = new Parts(writer, behind, memory);
            for (int i = 0; i < targets.size(); i++) {
                write(model.tensors().get(i), targets.get(i), parts);
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

    /// The type that all pieces have; fp32 where they differ, or values were changed.
    private static DType type(Target target) {
        DType type = target.pieces().getFirst().source().type().decoded();
        return target.pieces().stream()
                        .allMatch(piece ->
                                piece.keepsValues() && piece.source().type().decoded() == type)
                ? type
                : DType.F32;
    }

    private void write(Target target, TensorInfo tensor, Parts parts) throws IOException {
        Piece first = target.pieces().getFirst();
        boolean single = target.pieces().size() == 1 && first.matrix().isWhole();
        if (single && isVerbatim(first, tensor)) {
            parts.write(tensor, 0, file.data(first.source()));
            return;
        }
        int rows = first.matrix().rows();
        long rowBytes = (long) first.matrix().columns() * tensor.type().bytes();
        // What has several pieces is put together in memory.
        boolean parted = single && first.matrix().columns() > 1;
        int most = parted ? Math.clamp(Parts.BYTES / rowBytes, 1, rows) : rows;
        if (most < rows) {
            var decoder = new Decoder(first, tensor.type());
            for (int from = 0; from < rows; from += most) {
                int count = Math.min(most, rows - from);
                MemorySegment part = parts.room(count * rowBytes);
                decoder.decode(from, count, part);
                parts.write(tensor, from * rowBytes, part);
            }
        } else {
            MemorySegment whole = parts.room(tensor.length());
            decode(target, tensor, whole);
            parts.write(tensor, 0, whole);
        }
    }

    private static boolean isVerbatim(Piece piece, TensorInfo tensor) {
        return piece.source().bytes() == tensor.length()
                && piece.source().type().name().equals(tensor.type().name())
                && piece.keepsValues()
                && IntStream.range(0, piece.matrix().rows())
                        .allMatch(row -> piece.order().applyAsInt(row) == row);
    }

    private void decode(Target target, TensorInfo tensor, MemorySegment decoded) {
        var whole = new TensorView(tensor.name(), tensor.type(), tensor.shape(), decoded);
        for (Piece piece : target.pieces()) {
            MatrixView matrix = piece.matrix();
            var decoder = new Decoder(piece, tensor.type());
            try (Arena scratch = Arena.ofShared()) {
                if (matrix.isContiguous()) {
                    decoder.decode(0, matrix.rows(), matrix.of(whole, scratch).data());
                } else {
                    long values = (long) matrix.rows() * matrix.columns();
                    MemorySegment part = scratch.allocate(values * tensor.type().bytes(), 64);
                    decoder.decode(0, matrix.rows(), part);
                    matrix.put(part, whole);
                }
            }
        }
    }

    /// Decodes the rows of a piece.
    private final class Decoder {

        private final Piece piece;
        private final MemorySegment data;
        private final GgmlType written;

        /// A vector is one row of the file.
        private final boolean vector;

        private final int width;

        /// From a row of the matrix, or a value of the vector, to where it is in the file.
        private final int[] places;

        Decoder(Piece piece, DType type) {
            GgmlType stored = piece.source().type();
            int rows = piece.matrix().rows();
            this.piece = piece;
            this.data = file.data(piece.source());
            this.written = GgmlType.valueOf(type.name());
            this.vector = piece.matrix().columns() == 1;
            this.width = vector ? rows : piece.matrix().columns();
            if (piece.first() % stored.blockValues() != 0 || width % stored.blockValues() != 0) {
                throw file.invalid(
                        "tensor %s is of type %s, whose blocks do not end where its parts do"
                                .formatted(piece.source().name(), stored));
            }
            this.places = new int[rows];
            for (int row = 0; row < rows; row++) {
                places[piece.order().applyAsInt(row)] = row;
            }
        }

        /// @param first row of the matrix; 0 of a vector
        /// @param count of its rows; all of a vector
        /// @param target receives them
        void decode(int first, int count, MemorySegment target) {
            IntStream.range(0, vector ? 1 : count)
                    .parallel()
                    .forEach(i -> {
                        float[] values = values(vector ? 0 : places[first + i]);
                        float[] placed = new float[width];
                        for (int j = 0; j < width; j++) {
                            placed[j] = piece.value(values[vector ? places[j] : j]);
                        }
                        written.encode(placed, target, written.bytes((long) i * width));
                    });
        }

        /// Of a row of the file.
        private float[] values(int row) {
            GgmlType stored = piece.source().type();
            float[] values = new float[width];
            stored.decode(data, stored.bytes(piece.first() + (long) row * width), values);
            return values;
        }
    }
}
