package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.Expected;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.GgmlType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.Packer;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.gguf.GgufExport;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.runtime.internal.decode.DecodeBatch;
import org.wanda4j.runtime.internal.decode.Decoder;
import org.wanda4j.runtime.internal.decode.Sequence;

/// Every family in bf16 with most of its weights removed: packed, it is the same model.
class PackedFamiliesTest {

    /// Relative. Both sides add in another order, and round keys and values to bf16 after that.
    private static final double TOLERANCE = 0.02;

    /// Relative. A single activation is quantised too.
    private static final double QUANTISED_TOLERANCE = 0.05;

    private static final double SPARSITY = 0.7;

    @TempDir private Path directory;

    static List<Path> families() {
        return GoldenFamilies.all();
    }

    @ParameterizedTest
    @MethodSource("families")
    void bf16GivesTheSameLogitsAndComesBackBitForBit(Path family) throws IOException {
        Path model = prune(family);
        Path packed = pack(model, ValueType.BF16);
        int[] ids = ids(family);
        assertClose(logits(model, ids), logits(packed, ids), TOLERANCE);
        assertSameTensors(model, unpack(packed));
    }

    private static void assertSameTensors(Path model, Path other) {
        try (Checkpoint expected = Checkpoint.open(model);
                Checkpoint actual = Checkpoint.open(other);
                Arena memory = Arena.ofConfined()) {
            assertEquals(expected.tensors().size(), actual.tensors().size());
            for (TensorInfo tensor : expected.tensors()) {
                TensorView before = expected.map(tensor.name(), memory);
                TensorView after = actual.map(tensor.name(), memory);
                assertEquals(before.type(), after.type(), tensor.name());
                assertEquals(before.shape(), after.shape(), tensor.name());
                assertEquals(-1, before.data().mismatch(after.data()), tensor.name());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void quantisedValuesGiveTheLogitsOfWhatTheyDecodeTo(Path family) throws IOException {
        Path packed = pack(prune(family), ValueType.INT8);
        int[] ids = ids(family);
        assertClose(logits(unpack(packed), ids), logits(packed, ids), QUANTISED_TOLERANCE);
    }

    @ParameterizedTest
    @MethodSource("families")
    void halvesOfBytesWithTablesOfBytesGiveTheLogitsOfWhatTheyDecodeTo(Path family)
            throws IOException {
        Path packed = pack(prune(family), ValueType.INT4, ValueType.INT8);
        int[] ids = ids(family);
        assertClose(logits(unpack(packed), ids), logits(packed, ids), QUANTISED_TOLERANCE);
    }

    /// Of every family that llama.cpp computes; what is no multiple of 32 wide is not quantised there.
    @ParameterizedTest
    @MethodSource("families")
    void matricesOfGgufFilesGiveTheLogitsOfWhatTheyDecodeTo(Path family) throws IOException {
        int[] ids = ids(family);
        for (GgmlType type : List.of(GgmlType.Q8_0, GgmlType.Q4_0)) {
            Path file = directory.resolve(family.getFileName() + "-" + type + ".gguf");
            try (Checkpoint source = Checkpoint.open(family);
                    var export = GgufExport.begin(source, file, Optional.of(type), false)) {
                export.run(_ -> {});
            } catch (InvalidInputException e) {
                return; // llama.cpp does not compute it.
            }
            Path plain = unpack(file, directory.resolve("plain-" + type));
            assertClose(logits(plain, ids), logits(file, ids), QUANTISED_TOLERANCE);
        }
    }

    private static int[] ids(Path family) {
        try (var expected = new Expected(family.resolve("expected.safetensors"))) {
            return Arrays.copyOf(expected.windows("ids").ids().getFirst(), 12);
        }
    }

    /// A copy in one shard, in bf16, with random weights of its linears removed.
    private Path prune(Path family) throws IOException {
        Path copy = Files.createDirectory(directory.resolve("model"));
        Files.copy(family.resolve("config.json"), copy.resolve("config.json"));
        var random = new Random(3);
        List<String> entries = new ArrayList<>();
        try (Checkpoint source = Checkpoint.open(family);
                Arena memory = Arena.ofConfined()) {
            Set<String> linears =
                    Families.describe(source).linears().stream()
                            .map(linear -> linear.weight().tensor())
                            .collect(Collectors.toSet());
            List<TensorInfo> weights =
                    source.tensors().stream().filter(tensor -> tensor.type().isWeight()).toList();
            long elements = weights.stream().mapToLong(TensorInfo::elements).sum();
            ByteBuffer data =
                    ByteBuffer.allocate((int) (2 * elements)).order(ByteOrder.LITTLE_ENDIAN);
            for (TensorInfo tensor : weights) {
                TensorView view = source.map(tensor.name(), memory);
                int from = data.position();
                for (int i = 0; i < tensor.elements(); i++) {
                    boolean removed =
                            linears.contains(tensor.name()) && random.nextDouble() < SPARSITY;
                    int bits = Float.floatToRawIntBits(view.type().get(view.data(), i));
                    data.putShort(removed ? 0 : (short) (bits >>> 16));
                }
                entries.add(
                        "\"%s\":{\"dtype\":\"BF16\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                                .formatted(tensor.name(), tensor.shape(), from, data.position()));
            }
            String json = "{" + String.join(",", entries) + "}";
            byte[] header =
                    (json + " ".repeat(-json.length() & 7)).getBytes(StandardCharsets.UTF_8);
            ByteBuffer file =
                    ByteBuffer.allocate(Long.BYTES + header.length + data.capacity())
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putLong(header.length)
                            .put(header)
                            .put(data.flip());
            Files.write(copy.resolve("model.safetensors"), file.array());
        }
        return copy;
    }

    private Path pack(Path model, ValueType type) {
        return pack(model, type, type);
    }

    private Path pack(Path model, ValueType type, ValueType tableType) {
        Path packed = directory.resolve("packed");
        try (Checkpoint source = Checkpoint.open(model);
                var output = OutputDirectory.claim(packed, model, false);
                var packer = begin(source, type, tableType, output)) {
            PackReport report = packer.finish(OptionalLong.empty());
            assertTrue(
                    report.matrices().stream()
                            .anyMatch(matrix -> matrix.layout().equals("sparse")));
        }
        return packed;
    }

    private static Packer begin(
            Checkpoint source, ValueType type, ValueType tableType, OutputDirectory output) {
        Architecture architecture = Families.describe(source);
        List<MatrixView> linears = architecture.linears().stream().map(Linear::weight).toList();
        Set<String> tables = Set.copyOf(architecture.tables());
        return Packer.begin(source, linears, tables, type, tableType, output, _ -> {});
    }

    private Path unpack(Path packed) {
        return unpack(packed, directory.resolve("unpacked"));
    }

    private static Path unpack(Path packed, Path unpacked) {
        try (Checkpoint source = Checkpoint.open(packed);
                var output = OutputDirectory.claim(unpacked, packed, false)) {
            Packer.unpack(source, output, _ -> {});
        }
        return unpacked;
    }

    /// After each of some tokens that came one by one, then after the last when all came at once.
    private static float[] logits(Path model, int[] ids) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Decoder decoder = new Decoder(checkpoint, KernelChoice.best(), 2);
                Sequence slow = decoder.newSequence();
                Sequence fast = decoder.newSequence()) {
            int vocabulary = decoder.architecture().vocabulary();
            float[] all = new float[(ids.length + 1) * vocabulary];
            for (int i = 0; i < ids.length; i++) {
                var step = new DecodeBatch.Step(slow, new int[] {ids[i]}, true);
                System.arraycopy(
                        decoder.forward(List.of(step)), 0, all, i * vocabulary, vocabulary);
            }
            var step = new DecodeBatch.Step(fast, ids, true);
            System.arraycopy(
                    decoder.forward(List.of(step)), 0, all, ids.length * vocabulary, vocabulary);
            return all;
        }
    }

    private static void assertClose(float[] expected, float[] actual, double tolerance) {
        assertEquals(expected.length, actual.length);
        double error = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            error += Math.pow(actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        double relative = Math.sqrt(error / norm);
        assertTrue(relative < tolerance, "relative error " + relative);
    }
}
