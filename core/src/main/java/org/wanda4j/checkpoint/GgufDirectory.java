package org.wanda4j.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.GgufMapping.Piece;
import org.wanda4j.checkpoint.GgufMapping.Target;
import org.wanda4j.threads.Threads;
import tools.jackson.databind.node.ObjectNode;

/// A GGUF file as a model directory: its weights as safetensors, its entries as `config.json`, `tokenizer.json` and
/// `tokenizer_config.json`. Matrices of [GgufBlocks] stay quantised, all others are decoded.
///
/// [GgufCache] says where the directory lies.
final class GgufDirectory {

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

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
        var tokenizer = new FutureTask<>(() -> GgufTokenizer.json(file).map(Json::writeLine));
        Thread thread = Thread.ofPlatform().daemon().name("wanda-tokenizer").start(tokenizer);
        try {
            writeWeights(output, tokenizer);
        } catch (IOException e) {
            throw output.failed(e);
        } finally {
            Threads.join(thread);
        }
        requireNotFailed(tokenizer);
        tokenizer.resultNow().ifPresent(text -> output.write(Map.of("tokenizer.json", text)));
    }

    private static void requireNotFailed(Future<?> task) {
        if (task.state() == Future.State.FAILED) {
            throw Threads.rethrow(task.exceptionNow());
        }
    }

    /// @param beside what is done meanwhile; its failure ends this
    private void writeWeights(OutputDirectory output, Future<?> beside) throws IOException {
        Map<Target, GgufBlocks> packed = new HashMap<>();
        List<TensorInfo> targets = new ArrayList<>();
        for (Target target : model.tensors()) {
            Optional<GgufBlocks> blocks = GgufBlocks.of(target);
            blocks.ifPresentOrElse(
                    it -> {
                        packed.put(target, it);
                        targets.addAll(List.of(it.values(), it.scales(), it.shape()));
                    },
                    () -> targets.add(decoded(target)));
        }
        Map<String, String> metadata = Map.of("format", "pt");
        long bytes = targets.stream().mapToLong(TensorInfo::length).sum();
        output.requireSpace(
                bytes + CheckpointWriter.SPARE_BYTES, "name another place by XDG_CACHE_HOME");
        progress.start(String.valueOf(file.path().getFileName()), bytes);
        try (Arena memory = Arena.ofShared();
                var writer =
                        new SafetensorsWriter(
                                output.resolve(Checkpoint.SINGLE),
                                packed.isEmpty()
                                        ? metadata
                                        : PackedEncoding.IMPORTED.mark(metadata),
                                targets);
                var behind = new WriteBehind()) {
            var parts = new Parts(writer, behind, memory);
            for (Target target : model.tensors()) {
                requireNotFailed(beside);
                if (packed.containsKey(target)) {
                    split(target, packed.get(target), parts);
                } else {
                    write(target, decoded(target), parts);
                }
            }
            behind.settle();
        }
    }

    /// Memory for what is decoded, while what was decoded before is written.
    private final class Parts {

        private static final long BYTES = 4 << 20;

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
            submit(tensor, from, part);
            MemorySegment free = written;
            written = next;
            next = free;
        }

        /// Writes a part of a tensor that lies in the same memory as the one passed to [#write] before, or in other memory that stays.
        void submit(TensorInfo tensor, long from, MemorySegment part) throws IOException {
            behind.submit(() -> writer.write(tensor.name(), from, part));
            progress.advance(part.byteSize(), tensor.name());
        }
    }

    private static TensorInfo decoded(Target target) {
        return TensorInfo.unplaced(target.name(), type(target), target.shape());
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

    /// Writes the parts of a packed matrix: of each piece as many rows at a time as follow each other in both files and fit the memory.
    private void split(Target target, GgufBlocks blocks, Parts parts) throws IOException {
        TensorInfo values = blocks.values();
        TensorInfo scales = blocks.scales();
        long rowBytes = blocks.rowBytes();
        int most = Math.clamp(Parts.BYTES / (rowBytes + blocks.scaleBytes()), 1, Integer.MAX_VALUE);
        for (Piece piece : target.pieces()) {
            MatrixView matrix = piece.matrix();
            int[] places = places(piece);
            int count;
            for (int first = 0; first < matrix.rows(); first += count) {
                int rest = Math.min(matrix.run() - first % matrix.run(), matrix.rows() - first);
                count = Math.min(most, rest);
                MemorySegment room = parts.room(count * (rowBytes + blocks.scaleBytes()));
                MemorySegment numbers = room.asSlice(0, count * rowBytes);
                MemorySegment factors = room.asSlice(count * rowBytes);
                split(piece, places, first, blocks, numbers, factors);
                long row = matrix.row(first);
                parts.write(values, row * rowBytes, numbers);
                parts.submit(scales, row * blocks.scaleBytes(), factors);
            }
        }
        long[] extents = target.shape().stream().mapToLong(Long::longValue).toArray();
        parts.submit(blocks.shape(), 0, parts.memory.allocateFrom(LONG, extents));
    }

    private void split(
            Piece piece,
            int[] places,
            int first,
            GgufBlocks blocks,
            MemorySegment values,
            MemorySegment scales) {
        MemorySegment data = file.data(piece.source());
        int columns = piece.matrix().columns();
        boolean finite =
                IntStream.range(0, Math.toIntExact(values.byteSize() / blocks.rowBytes()))
                        .parallel()
                        .mapToObj(i -> {
                            long before = piece.first() + (long) places[first + i] * columns;
                            return blocks.split(
                                    data,
                                    piece.source().type().bytes(before),
                                    values,
                                    i * blocks.rowBytes(),
                                    scales,
                                    i * blocks.scaleBytes());
                        })
                        .reduce(true, Boolean::logicalAnd);
        if (!finite) {
            throw file.invalid(
                    "tensor %s holds an infinite or NaN scale".formatted(piece.source().name()));
        }
    }

    /// From a row of the matrix, or a value of the vector, to where it is in the file.
    private static int[] places(Piece piece) {
        int[] places = new int[piece.matrix().rows()];
        for (int row = 0; row < places.length; row++) {
            places[piece.order().applyAsInt(row)] = row;
        }
        return places;
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
            this.places = places(piece);
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
