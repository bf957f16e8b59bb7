package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.checkpoint.RawSafetensors.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Views of tensors of every layout, as they are and packed, against the elements of the file.
class MatricesTest {

    private static final ValueType[] PACKED = {ValueType.BF16, ValueType.INT8, ValueType.INT4};

    /// A tensor of the checkpoint, and what is read of it.
    private record Case(String name, String shape, int elements, List<MatrixView> views) {}

    private static final int COLUMNS = 70;

    private static final List<Case> CASES = cases();

    @TempDir private Path directory;

    private static List<Case> cases() {
        MatrixView fused = MatrixView.whole("fused", 12, COLUMNS);
        MatrixView conv = MatrixView.transposed("conv", 12, COLUMNS);
        List<MatrixView> slices = new ArrayList<>();
        List<MatrixView> turned = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            MatrixView slice = MatrixView.slice("slices", 3, i, 4, COLUMNS);
            slices.add(slice);
            slices.add(slice.interleaved(1, 2, 2, 2));
            slices.add(slice.interleaved(1, 2, 1, 2));
            turned.add(
                    new MatrixView("turned", List.of(3L, (long) COLUMNS, 4L), 2, i, true, 1, 1, 2));
        }
        return List.of(
                new Case("whole", "[5,70]", 5 * 70, List.of(MatrixView.whole("whole", 5, COLUMNS))),
                new Case(
                        "fused",
                        "[12,70]",
                        12 * 70,
                        List.of(
                                fused.interleaved(0, 5, 5, 5),
                                fused.interleaved(5, 7, 7, 7),
                                fused.interleaved(2, 6, 2, 4))),
                new Case(
                        "conv",
                        "[70,12]",
                        12 * 70,
                        List.of(conv, conv.interleaved(4, 8, 8, 8), conv.interleaved(2, 6, 2, 4))),
                new Case("slices", "[3,4,70]", 3 * 4 * 70, slices),
                new Case("turned", "[3,70,4]", 3 * 4 * 70, turned));
    }

    private final Path model() {
        return directory.resolve("model");
    }

    @BeforeEach
    void write() throws IOException {
        int elements = CASES.stream().mapToInt(Case::elements).sum();
        ByteBuffer data = ByteBuffer.allocate(2 * elements).order(ByteOrder.LITTLE_ENDIAN);
        var random = new Random(5);
        for (int i = 0; i < elements; i++) {
            data.putShort(
                    random.nextDouble() < 0.8 ? 0 : Bf16.round((float) random.nextGaussian()));
        }
        List<String> entries = new ArrayList<>();
        int at = 0;
        for (Case each : CASES) {
            int end = at + 2 * each.elements;
            entries.add(tensor(each.name, "BF16", each.shape, at, end));
            at = end;
        }
        Files.createDirectory(model());
        String header = "{" + String.join(",", entries) + "}";
        RawSafetensors.of(header + " ".repeat(-header.length() & 7), data.array())
                .write(model().resolve(Checkpoint.SINGLE));
        Files.writeString(model().resolve("config.json"), "{}");
    }

    private static Stream<MatrixView> views() {
        return CASES.stream().flatMap(each -> each.views.stream());
    }

    @Test
    void everyViewHasTheElementsThatItSays() {
        try (Checkpoint checkpoint = Checkpoint.open(model())) {
            views().forEach(view ->
                    assertArrayEquals(
                            expected(checkpoint, view), decoded(checkpoint, view), view::toString));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = ValueType.class,
            names = {"BF16", "INT8", "INT4"})
    void aPackedTensorGivesTheSameViewsAsItDecodesTo(ValueType type) {
        try (Checkpoint checkpoint = Checkpoint.open(pack(type))) {
            views().forEach(view -> {
                float[] decoded = decoded(checkpoint, view);
                for (int i = 0; i < decoded.length; i++) { // As a tensor it is bf16.
                    decoded[i] = Bf16.toFloat(Bf16.round(decoded[i]));
                }
                assertArrayEquals(expected(checkpoint, view), decoded, view::toString);
            });
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = ValueType.class,
            names = {"BF16", "INT8", "INT4"})
    void aViewOfAPackedTensorIsDecodedByItself(ValueType type) {
        try (Checkpoint checkpoint = Checkpoint.open(pack(type));
                Arena memory = Arena.ofConfined()) {
            views().forEach(view -> {
                TensorView matrix = checkpoint.map(view, memory);
                float[] values = new float[view.rows() * COLUMNS];
                for (int i = 0; i < values.length; i++) {
                    values[i] = matrix.type().get(matrix.data(), i);
                }
                assertArrayEquals(expected(checkpoint, view), values, view::toString);
            });
        }
    }

    @Test
    void bf16ComesBackBitForBit() throws IOException {
        Path unpacked = directory.resolve("unpacked");
        try (Checkpoint source = Checkpoint.open(pack(ValueType.BF16));
                var output = OutputDirectory.claim(unpacked, source.directory(), false)) {
            Packer.unpack(source, output, _ -> {});
        }
        assertEquals(
                -1,
                Files.mismatch(
                        model().resolve(Checkpoint.SINGLE), unpacked.resolve(Checkpoint.SINGLE)));
    }

    @Test
    void onlyAFileThatNeedsALaterVersionSaysIt() {
        for (ValueType type : PACKED) {
            boolean third = type == ValueType.INT4;
            assertEquals(third ? "3" : "2", version(pack(type, CASES)));
            assertEquals(third ? "3" : "1", version(pack(type, CASES.subList(0, 2))));
        }
    }

    private static String version(Path packed) {
        return metadata(packed).get("wanda.encoding.version");
    }

    @Test
    void viewsThatFollowEachOtherShareTheMappedMemory() {
        try (Checkpoint checkpoint = Checkpoint.open(pack(ValueType.INT8));
                Arena memory = Arena.ofConfined()) {
            var matrices = new Matrices(checkpoint, memory);
            PackedMatrix whole = matrices.whole("slices");
            PackedMatrix slice = matrices.of(MatrixView.slice("slices", 3, 1, 4, COLUMNS));
            assertTrue(whole.sparseIndex().isPresent());
            assertEquals(whole.values().address(), slice.values().address());
            assertEquals(
                    whole.scales().orElseThrow().address() + 4 * 3 * 2,
                    slice.scales().orElseThrow().address());
        }
    }

    @Test
    void everyViewMayBeReadBehindItsEnd() {
        for (ValueType type : PACKED) {
            try (Checkpoint checkpoint = Checkpoint.open(pack(type));
                    Arena memory = Arena.ofConfined()) {
                var matrices = new Matrices(checkpoint, memory);
                views().map(matrices::of)
                        .forEach(matrix -> {
                            int last = matrix.rows() - 1;
                            long end = (matrix.start(last) + matrix.stored(last)) * type.bits() / 8;
                            assertTrue(matrix.values().byteSize() >= end + PackedMatrix.SLACK);
                        });
            }
        }
    }

    private Path pack(ValueType type) {
        return pack(type, CASES);
    }

    /// Packs some of the tensors.
    private Path pack(ValueType type, List<Case> cases) {
        Path packed = directory.resolve("packed-" + type + cases.size());
        List<MatrixView> linears = cases.stream().flatMap(each -> each.views.stream()).toList();
        try (Checkpoint source = Checkpoint.open(model());
                var output = OutputDirectory.claim(packed, model(), true)) {
            Packer.pack(source, linears, Set.of(), type, output, _ -> {});
        }
        return packed;
    }

    private static Map<String, String> metadata(Path packed) {
        try (Safetensors shard = Safetensors.open(packed.resolve(Checkpoint.SINGLE))) {
            return shard.metadata();
        }
    }

    /// Element by element, by the definition of a view.
    private static float[] expected(Checkpoint checkpoint, MatrixView view) {
        try (Arena memory = Arena.ofConfined()) {
            TensorView tensor = checkpoint.map(view.tensor(), memory);
            int dimensions = view.shape().size();
            long high = view.shape().get(dimensions - 2);
            long wide = view.shape().get(dimensions - 1);
            float[] values = new float[view.rows() * COLUMNS];
            for (int i = 0; i < values.length; i++) {
                int row = i / COLUMNS;
                int output = view.first() + row / view.run() * view.step() + row % view.run();
                int input = i % COLUMNS;
                long element =
                        view.slice() * high * wide
                                + (view.transposed()
                                        ? input * wide + output
                                        : output * wide + input);
                values[i] = tensor.type().get(tensor.data(), element);
            }
            return values;
        }
    }

    private static float[] decoded(Checkpoint checkpoint, MatrixView view) {
        try (Arena memory = Arena.ofConfined()) {
            PackedMatrix matrix = new Matrices(checkpoint, memory).of(view);
            float[] values = new float[matrix.rows() * matrix.columns()];
            float[] row = new float[matrix.columns()];
            for (int i = 0; i < matrix.rows(); i++) {
                matrix.decode(i, row);
                System.arraycopy(row, 0, values, i * row.length, row.length);
            }
            return values;
        }
    }
}
