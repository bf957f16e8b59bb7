package org.wanda4j.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.GgmlType;
import org.wanda4j.checkpoint.GgufWriter;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ModelName;
import org.wanda4j.checkpoint.Reason;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.gguf.GgufTensor.Part;
import org.wanda4j.gguf.GgufTensor.Rows;
import org.wanda4j.gguf.GgufTensor.Values;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;

/// A model as a GGUF file: weights, configuration, tokenizer and chat template in one, for llama.cpp and what is built on it.
public final class GgufExport implements AutoCloseable {

    /// Bytes that are encoded before they are written.
    private static final long CHUNK = 16 << 20;

    private final Checkpoint source;
    private final GgmlType type;
    private final List<GgufTensor> tensors;
    private final List<GgufWriter.Tensor> listed;
    private final List<String> notes;
    private final GgufWriter writer;

    private GgufExport(
            Checkpoint source,
            GgmlType type,
            List<GgufTensor> tensors,
            List<GgufWriter.Tensor> listed,
            List<String> notes,
            GgufWriter writer) {
        this.source = source;
        this.type = type;
        this.tensors = tensors;
        this.listed = listed;
        this.notes = notes;
        this.writer = writer;
    }

    /// Begins the file `target`, which appears when [#run] has written it.
    ///
    /// @param asked type of matrices, that of the model's embedding where it is empty; vectors, and what is small and
    ///     sensitive, are fp32
    /// @param force whether a file that is there is replaced
    /// @throws InvalidInputException when llama.cpp does not know the model's family or its tokenizer, or `target` cannot be
    ///     written
    public static GgufExport begin(
            Checkpoint source, Path target, Optional<GgmlType> asked, boolean force) {
        Architecture model = Families.describe(source);
        GgmlType type =
                asked.orElseGet(() -> typeOf(source.info(model.embedding().tokens()).type()));
        GgufFamily family = ModelTraits.check(model);
        GgufEntries.Result described =
                GgufEntries.of(model, family, ModelName.of(source.directory()), type);
        Map<String, Object> entries = new LinkedHashMap<>(described.entries());
        entries.putAll(GgufVocabulary.of(source.directory(), model.vocabulary()));
        requireApart(source, target);
        List<GgufTensor> tensors = GgufTensors.of(model, family);
        List<GgufWriter.Tensor> listed =
                tensors.stream()
                        .map(it -> new GgufWriter.Tensor(it.name(), typeOf(it, type), it.shape()))
                        .toList();
        return new GgufExport(
                source,
                type,
                tensors,
                listed,
                described.notes(),
                GgufWriter.create(target, entries, listed, force));
    }

    /// Checks, before long work, that the model can be exported to `target`.
    ///
    /// @throws InvalidInputException as [#begin] does
    public static void check(Checkpoint source, Path target, boolean force) {
        Architecture model = Families.describe(source);
        GgufFamily family = ModelTraits.check(model);
        GgufEntries.of(model, family, "", GgmlType.F32);
        GgufVocabulary.of(source.directory(), model.vocabulary());
        requireApart(source, target);
        GgufWriter.check(target, force);
    }

    private static void requireApart(Checkpoint source, Path target) {
        try {
            if (Files.exists(target) && Files.isSameFile(target, source.given())) {
                throw new InvalidInputException(
                        target + " is the model itself, which stays as it is; choose another name");
            }
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + target + ": " + Reason.of(e), e);
        }
    }

    private static GgmlType typeOf(DType type) {
        return switch (type) {
            case F16 -> GgmlType.F16;
            case BF16 -> GgmlType.BF16;
            default -> GgmlType.F32;
        };
    }

    /// The type of a tensor where matrices are of type `type`: tables are not rounded to 4 bits, and a row that is not a number of
    /// whole blocks has smaller ones, or none.
    private static GgmlType typeOf(GgufTensor tensor, GgmlType type) {
        if (tensor.exact()) {
            return GgmlType.F32;
        }
        boolean large = tensor.table() && (type == GgmlType.Q4_0 || type == GgmlType.Q4_K);
        return Stream.of(large ? GgmlType.Q8_0 : type, GgmlType.Q8_0)
                .filter(each -> tensor.shape().getLast() % each.blockValues() == 0)
                .findFirst()
                .orElse(GgmlType.F16);
    }

    /// The type of matrices.
    public GgmlType type() {
        return type;
    }

    /// What a user should know of how far the file computes the same.
    public List<String> notes() {
        return notes;
    }

    /// Bytes that are written.
    public long bytes() {
        return listed.stream().mapToLong(GgufWriter.Tensor::bytes).sum();
    }

    /// Writes the tensors, and gives the file its name.
    ///
    /// @param progress receives the bytes of each part; in all [#bytes()]
    public void run(LongConsumer progress) {
        for (int i = 0; i < tensors.size(); i++) {
            GgmlType written = listed.get(i).type();
            switch (tensors.get(i).content()) {
                case Values(float[] values) -> write(values, progress);
                case Rows(List<Part> parts) ->
                        parts.forEach(part -> write(part, written, progress));
            }
        }
        writer.publish();
    }

    private void write(MemorySegment data, LongConsumer progress) {
        writer.write(data);
        progress.accept(data.byteSize());
    }

    private void write(float[] values, LongConsumer progress) {
        MemorySegment data =
                MemorySegment.ofArray(new byte[Math.toIntExact(GgmlType.F32.bytes(values.length))]);
        GgmlType.F32.encode(values, data, 0);
        write(data, progress);
    }

    private void write(Part part, GgmlType written, LongConsumer progress) {
        try (Arena memory = Arena.ofShared()) {
            TensorView matrix = source.map(part.matrix(), memory);
            if (!matrix.type().isWeight()) {
                throw new InvalidInputException(
                        "tensor %s is of type %s, and bf16, fp16 and fp32 are exported"
                                .formatted(matrix.name(), matrix.type()));
            }
            int columns = part.matrix().columns();
            int rows = part.matrix().rows();
            // A vector is one row.
            int width = columns == 1 ? rows : columns;
            int count = columns == 1 ? 1 : rows;
            long rowBytes = written.bytes(width);
            int together = Math.clamp(CHUNK / rowBytes, 1, count);
            MemorySegment chunk = memory.allocate(together * rowBytes, 64);
            for (int first = 0; first < count; first += together) {
                int start = first;
                int length = Math.min(together, count - first);
                IntStream.range(0, length)
                        .parallel()
                        .forEach(row ->
                                encode(
                                        part,
                                        matrix,
                                        start + row,
                                        width,
                                        written,
                                        chunk.asSlice(row * rowBytes, rowBytes)));
                write(chunk.asSlice(0, length * rowBytes), progress);
            }
        }
    }

    private static void encode(
            Part part,
            TensorView matrix,
            int row,
            int width,
            GgmlType written,
            MemorySegment target) {
        DType type = matrix.type();
        boolean vector = part.matrix().columns() == 1;
        if (!vector && part.keepsValues() && type.name().equals(written.name())) {
            long from = (long) part.order().applyAsInt(row) * target.byteSize();
            MemorySegment.copy(matrix.data(), from, target, 0, target.byteSize());
            return;
        }
        float[] values = new float[width];
        long start = vector ? 0 : (long) part.order().applyAsInt(row) * width;
        for (int i = 0; i < width; i++) {
            long index = vector ? part.order().applyAsInt(i) : start + i;
            values[i] = part.value(type.get(matrix.data(), index));
        }
        written.encode(values, target, 0);
    }

    @Override
    public void close() {
        writer.close();
    }
}
