package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.checkpoint.RawSafetensors.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PackerTest {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final String LINEAR = "linear.weight";
    private static final String TABLE = "table.weight";
    private static final int[] WIDTHS = {1, 7, 8, 31, 32, 63, 64, 65, 100, 256, 300};
    private static final int ROWS = 9;
    private static final double[] SPARSITIES = {0, 0.5, 0.95, 1};
    private static final List<ValueType> PACKED =
            List.of(ValueType.BF16, ValueType.INT8, ValueType.INT4);

    @TempDir private Path directory;

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.05, 0.25, 0.5, 0.66, 0.8, 0.95, 1})
    void bf16ComesBackBitForBit(double sparsity) throws IOException {
        for (int width : WIDTHS) {
            Path model = model("bits" + width, random(width, sparsity), width);
            Path packed = pack(model, ValueType.BF16);
            Path unpacked = directory.resolve("unpacked" + width);
            unpack(packed, unpacked);
            assertEquals(-1, Files.mismatch(weights(model), weights(unpacked)), width + " columns");
            assertArrayEquals(bits(model), naive(packed), width + " columns");
        }
    }

    @Test
    void signsOfZerosAndPayloadsOfNanSurvive() throws IOException {
        short[] values = random(100, 0.7);
        values[3] = (short) 0x8000;
        values[4] = (short) 0x7f81;
        values[5] = (short) 0xffc3;
        values[6] = 0x7f80;
        values[7] = 1;
        Path model = model("odd", values, 100);
        Path unpacked = directory.resolve("unpacked");
        unpack(pack(model, ValueType.BF16), unpacked);
        assertEquals(-1, Files.mismatch(weights(model), weights(unpacked)));
    }

    @Test
    void bytesAreTheNearestOnTheirGroupsGrid() throws IOException {
        for (double sparsity : SPARSITIES) {
            for (int width : WIDTHS) {
                String what = sparsity + " of " + width + " columns";
                short[] values = random(width, sparsity);
                Path model = model("grid" + sparsity + "-" + width, values, width);
                Path packed = pack(model, ValueType.INT8);
                float[] expected = naiveQuantised(values, width, 127);
                for (String name : new String[] {LINEAR, TABLE}) {
                    ValueType type = ValueType.INT8;
                    assertArrayEquals(expected, naiveDequantised(packed, name, type), what);
                    assertArrayEquals(expected, decoded(packed, name), what);
                }
            }
        }
    }

    @Test
    void halvesOfBytesAreReadAsTheDefinitionSays() throws IOException {
        for (double sparsity : SPARSITIES) {
            for (int width : WIDTHS) {
                String what = sparsity + " of " + width + " columns";
                Path model = model("grid" + sparsity + "-" + width, random(width, sparsity), width);
                Path packed = pack(model, ValueType.INT4);
                for (String name : new String[] {LINEAR, TABLE}) {
                    float[] expected = naiveDequantised(packed, name, ValueType.INT4);
                    assertArrayEquals(expected, decoded(packed, name), what);
                    assertZerosStay(bits(model), expected);
                }
            }
        }
    }

    private static void assertZerosStay(short[] before, float[] after) {
        for (int i = 0; i < before.length; i++) {
            if (before[i] == 0) {
                assertEquals(0f, after[i]);
            }
        }
    }

    @Test
    void halvesOfBytesMissLessThanByOneScaleForBothSigns() throws IOException {
        int width = 320;
        for (double sparsity : new double[] {0, 0.5}) {
            short[] values = random(width, sparsity);
            Path packed = pack(model("less" + sparsity, values, width), ValueType.INT4);
            double even = squares(values, naiveQuantised(values, width, 7));
            double found = squares(values, decoded(packed, LINEAR));
            double ofEightBelowZero = squares(values, naiveFromEightBelowZero(values, width));
            assertTrue(found < 0.85 * even, found + " of " + even);
            assertTrue(found < 0.97 * ofEightBelowZero, found + " of " + ofEightBelowZero);
        }
    }

    private static double squares(short[] values, float[] others) {
        double sum = 0;
        for (int i = 0; i < others.length; i++) {
            double difference = Bf16.toFloat(values[i]) - others[i];
            sum += difference * difference;
        }
        return sum;
    }

    /// What ggml's Q4_0 does, with groups that begin anew in each row.
    private static float[] naiveFromEightBelowZero(short[] bits, int width) {
        float[] out = new float[bits.length];
        for (int from = 0; from < bits.length; from += 32) {
            float furthest = 0;
            for (int i = from; i < from + 32; i++) {
                float weight = Bf16.toFloat(bits[i]);
                furthest = Math.abs(weight) > Math.abs(furthest) ? weight : furthest;
            }
            float scale = furthest / -8;
            for (int i = from; i < from + 32 && scale != 0; i++) {
                int q = (int) Math.rint(Bf16.toFloat(bits[i]) / scale);
                out[i] = Math.clamp(q, -8, 7) * scale;
            }
        }
        assertEquals(0, width % 32);
        return out;
    }

    @Test
    void eachPackedMatrixHasTheTypeThatWasAskedFor() throws IOException {
        short[] values = random(96, 0.5);
        Path model = model("types", values, 96);
        for (ValueType linears : PACKED) {
            for (ValueType tables : PACKED) {
                Path packed = directory.resolve(linears + "-" + tables);
                PackReport report;
                try (Checkpoint source = Checkpoint.open(model);
                        var output = OutputDirectory.claim(packed, model, false);
                        var packer =
                                Packer.begin(
                                        source,
                                        linear(source),
                                        Set.of(TABLE),
                                        linears,
                                        tables,
                                        output,
                                        _ -> {})) {
                    report = packer.finish(OptionalLong.empty());
                }
                assertEquals(linears.label(), report.matrices().getFirst().values());
                try (Checkpoint checkpoint = Checkpoint.open(packed);
                        Arena memory = Arena.ofConfined()) {
                    var matrices = new Matrices(checkpoint, memory);
                    assertEquals(linears, matrices.whole(LINEAR).type());
                    assertEquals(tables, matrices.whole(TABLE).type());
                    assertEquals(linears, checkpoint.packedAs().orElseThrow());
                }
                boolean first =
                        linears != ValueType.INT4
                                && (tables == linears || tables == ValueType.BF16);
                assertEquals(first ? "1" : "3", version(packed), linears + " " + tables);
            }
        }
    }

    private static String version(Path packed) {
        try (Safetensors file = Safetensors.open(weights(packed))) {
            return file.metadata().get("wanda.encoding.version");
        }
    }

    @Test
    void whatWasRoundedElsewhereIsPackedAsItIs() throws IOException {
        int width = 70;
        short[] values = random(width, 0.5);
        Path model = model("rounded", values, width);
        float[] scales = new float[ROWS * 3];
        float[] expected = new float[values.length];
        var random = new Random(5);
        for (int i = 0; i < scales.length; i++) {
            scales[i] = ValueGrid.bf16((float) random.nextGaussian());
        }
        for (int i = 0; i < values.length; i++) {
            float scale = scales[i / width * 3 + i % width / 32];
            expected[i] = values[i] == 0 ? 0 : random.nextInt(-8, 8) * scale;
            expected[i] += 0f;
        }
        Path packed = directory.resolve("packed");
        try (Checkpoint source = Checkpoint.open(model);
                var output = OutputDirectory.claim(packed, model, false);
                var packer =
                        Packer.begin(
                                source,
                                linear(source),
                                Set.of(TABLE),
                                ValueType.INT4,
                                ValueType.INT8,
                                output,
                                _ -> {})) {
            MemorySegment data = Arena.ofAuto().allocate(4L * expected.length, 4);
            MemorySegment.copy(expected, 0, data, ValueLayout.JAVA_FLOAT, 0, expected.length);
            var weight =
                    new TensorView(LINEAR, DType.F32, List.of((long) ROWS, (long) width), data);
            packer.write(
                    LINEAR,
                    List.of(
                            new RoundedMatrix(
                                    MatrixView.whole(LINEAR, ROWS, width), weight, scales, 0.25)));
            PackReport report = packer.finish(OptionalLong.empty());
            assertEquals(0.25, report.matrices().getFirst().outputError().orElseThrow());
            assertTrue(report.matrices().getLast().outputError().isEmpty());
        }
        assertArrayEquals(expected, decoded(packed, LINEAR));
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "looks at the files that the process has open")
    void noFileStaysOpenNotEvenOfAShardWithoutTensors() throws IOException {
        Path model = Files.createDirectory(directory.resolve("empty"));
        RawSafetensors.of("{}", new byte[0]).write(weights(model));
        Files.writeString(model.resolve("config.json"), "{}");
        Path unpacked = directory.resolve("unpacked");
        unpack(pack(model, ValueType.BF16), unpacked);
        assertEquals(List.of(), OpenFiles.below(directory));
    }

    private static float[] decoded(Path packed, String name) {
        try (Checkpoint checkpoint = Checkpoint.open(packed);
                Arena memory = Arena.ofConfined()) {
            PackedMatrix matrix = new Matrices(checkpoint, memory).whole(name);
            float[] all = new float[matrix.rows() * matrix.columns()];
            float[] row = new float[matrix.columns()];
            for (int i = 0; i < matrix.rows(); i++) {
                matrix.decode(i, row);
                System.arraycopy(row, 0, all, i * row.length, row.length);
            }
            return all;
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = ValueType.class,
            names = {"BF16", "INT8", "INT4"})
    void everyMatrixMayBeReadBehindItsEnd(ValueType type) throws IOException {
        Path packed = pack(model("slack", random(40, 0.5), 40), type);
        try (Checkpoint checkpoint = Checkpoint.open(packed);
                Arena memory = Arena.ofConfined()) {
            for (String name : new String[] {LINEAR, TABLE}) {
                PackedMatrix matrix = new Matrices(checkpoint, memory).whole(name);
                long last =
                        matrix.sparseIndex().isPresent()
                                ? matrix.start(ROWS - 1)
                                : ROWS * type.padded(40);
                assertTrue(
                        matrix.values().byteSize() >= last * type.bits() / 8 + PackedMatrix.SLACK);
                assertEquals(0, matrix.values().address() % Math.max(1, type.bits() / 8));
            }
        }
    }

    @Test
    void aDenseLinearStaysAsItIs() throws IOException {
        Path packed = pack(model("dense", random(64, 0), 64), ValueType.BF16);
        try (Safetensors file = Safetensors.open(weights(packed))) {
            assertTrue(file.contains(LINEAR));
            assertFalse(file.contains(LINEAR + ".bitmask"));
        }
    }

    @Test
    void fp32IsRoundedToBf16() throws IOException {
        Path model = Files.createDirectory(directory.resolve("fp32"));
        ByteBuffer data = ByteBuffer.allocate(4 * 64).order(ByteOrder.LITTLE_ENDIAN);
        data.putFloat(0, 0x1.01p0f).putFloat(4, 0x1.03p0f).putFloat(8, -0.1f);
        RawSafetensors.of("{" + tensor(LINEAR, "F32", "[1,64]", 0, 4 * 64) + "}", data.array())
                .write(weights(model));
        Files.writeString(model.resolve("config.json"), "{}");
        try (Checkpoint checkpoint = Checkpoint.open(pack(model, ValueType.BF16));
                Arena memory = Arena.ofConfined()) {
            TensorView view = checkpoint.map(LINEAR, memory);
            assertEquals(DType.BF16, view.type());
            assertEquals(1f, DType.BF16.get(view.data(), 0)); // a tie, to even
            assertEquals(1.015625f, DType.BF16.get(view.data(), 1)); // a tie, to even
            assertEquals(-0x1.9ap-4f, DType.BF16.get(view.data(), 2));
        }
    }

    @Test
    void shardsKeepTheirNamesAndGetAnIndex() throws IOException {
        Path model = Files.createDirectory(directory.resolve("sharded"));
        for (int i = 1; i <= 2; i++) {
            RawSafetensors.of(
                            "{" + tensor(i + ".weight", "BF16", "[1,64]", 0, 128) + "}",
                            new byte[128])
                    .write(model.resolve("model-0000" + i + "-of-00002.safetensors"));
        }
        Files.writeString(
                model.resolve(Checkpoint.INDEX),
                """
                {"weight_map": {"1.weight": "model-00001-of-00002.safetensors",
                    "2.weight": "model-00002-of-00002.safetensors"}}\
                """);
        Files.writeString(model.resolve("config.json"), "{}");
        Path packed = directory.resolve("sharded-packed");
        try (Checkpoint source = Checkpoint.open(model);
                var output = OutputDirectory.claim(packed, model, false)) {
            Packer.pack(
                    source,
                    List.of(MatrixView.whole("1.weight", 1, 64)),
                    Set.of(),
                    ValueType.BF16,
                    output,
                    _ -> {});
        }
        try (Checkpoint checkpoint = Checkpoint.open(packed)) {
            assertTrue(checkpoint.shardOf("1.weight").contains("1.weight.compressed"));
            assertTrue(checkpoint.shardOf("2.weight").contains("2.weight"));
        }
        Path unpacked = directory.resolve("sharded-unpacked");
        unpack(packed, unpacked);
        try (Checkpoint before = Checkpoint.open(model);
                Checkpoint after = Checkpoint.open(unpacked)) {
            assertEquals(before.tensors().size(), after.tensors().size());
        }
    }

    @Test
    void nanCannotBeQuantisedAndLeavesNothingBehind() throws IOException {
        short[] values = random(64, 0.5);
        values[70] = 0x7fc0;
        Path model = model("nan", values, 64);
        String message =
                assertThrows(InvalidInputException.class, () -> pack(model, ValueType.INT8))
                        .getMessage();
        assertTrue(message.contains(LINEAR + " holds NaN"), message);
        try (var files = Files.list(directory)) {
            assertEquals(1, files.count());
        }
    }

    @Test
    void whatIsPackedIsNotPackedAgain() throws IOException {
        Path model = model("twice", random(64, 0.5), 64);
        Path packed = pack(model, ValueType.BF16);
        assertThrows(InvalidInputException.class, () -> pack(packed, ValueType.INT8));
        assertThrows(InvalidInputException.class, () -> unpack(model, directory.resolve("plain")));
        try (Checkpoint source = Checkpoint.open(packed)) {
            String message =
                    assertThrows(InvalidInputException.class, source::requireUnpacked).getMessage();
            assertTrue(message.contains("unpack it first with wanda unpack"), message);
        }
    }

    @Test
    void progressAddsUpToTheWork() throws IOException {
        Path model = model("work", random(64, 0.5), 64);
        var heard = new AtomicLong();
        try (Checkpoint source = Checkpoint.open(model);
                var output = OutputDirectory.claim(directory.resolve("out"), model, false)) {
            Packer.pack(
                    source,
                    linear(source),
                    Set.of(TABLE),
                    ValueType.INT8,
                    output,
                    heard::addAndGet);
            assertEquals(Packer.work(source), heard.get());
        }
    }

    /// The rule of compressed-tensors: the values go, in order, where the unpacked bits are 1.
    private static short[] naive(Path packed) {
        try (Safetensors file = Safetensors.open(weights(packed));
                Arena memory = Arena.ofConfined()) {
            if (file.contains(LINEAR)) {
                return file.map(file.find(LINEAR).orElseThrow(), memory).data().toArray(SHORT);
            }
            long[] shape = part(file, ".shape", memory).toArray(LONG);
            MemorySegment values = part(file, ".compressed", memory);
            byte[] mask = part(file, ".bitmask", memory).toArray(ValueLayout.JAVA_BYTE);
            int rowBytes = (int) (shape[1] + 7) / 8;
            short[] out = new short[(int) (shape[0] * shape[1])];
            int next = 0;
            for (int i = 0; i < out.length; i++) {
                int row = i / (int) shape[1];
                int column = i % (int) shape[1];
                if (column == 0) {
                    assertEquals(next, part(file, ".row_offsets", memory).getAtIndex(LONG, row));
                }
                if (((mask[row * rowBytes + column / 8] >> (column % 8)) & 1) == 1) {
                    out[i] = values.getAtIndex(SHORT, next++);
                }
            }
            assertEquals(values.byteSize(), 2L * next);
            return out;
        }
    }

    private static MemorySegment part(Safetensors file, String suffix, Arena memory) {
        return file.map(file.find(LINEAR + suffix).orElseThrow(), memory).data();
    }

    /// All values by the definition, one at a time.
    private static float[] naiveQuantised(short[] bits, int width, int limit) {
        float[] out = new float[bits.length];
        for (int from = 0; from < bits.length; ) {
            int end = from + Math.min(32, width - from % width);
            float largest = 0;
            for (int i = from; i < end; i++) {
                largest = Math.max(largest, Math.abs(Bf16.toFloat(bits[i])));
            }
            float scale = Float.intBitsToFloat(Float.floatToIntBits(largest / limit) & 0xffff0000);
            if (scale < largest / limit) {
                scale = Float.intBitsToFloat(Float.floatToIntBits(scale) + 0x10000);
            }
            assertTrue(scale * limit >= largest);
            for (int i = from; i < end; i++) {
                float weight = Bf16.toFloat(bits[i]);
                float value = largest == 0 ? 0 : (float) Math.rint(weight / scale) * scale;
                assertTrue(Math.abs(value - weight) <= scale / 2 * 1.0001f);
                out[i] = value + 0f;
            }
            from = end;
        }
        return out;
    }

    /// The rules of `docs/packed.md` for int8 and int4, a value at a time, on the file's own tensors.
    private static float[] naiveDequantised(Path packed, String name, ValueType type) {
        try (Safetensors file = Safetensors.open(weights(packed));
                Arena memory = Arena.ofConfined()) {
            Map<String, MemorySegment> parts = new HashMap<>();
            for (TensorInfo tensor : file.tensors()) {
                if (tensor.name().startsWith(name)) {
                    parts.put(
                            tensor.name().substring(name.length()),
                            file.map(tensor, memory).data());
                }
            }
            int rows = (int) parts.get(".shape").get(LONG, 0);
            int columns = (int) parts.get(".shape").get(LONG, 8);
            int groups = (columns + 31) / 32;
            assertEquals(
                    List.of((long) rows, (long) groups),
                    file.find(name + ".scales").orElseThrow().shape());
            int[] stored = storedNumbers(parts.get(".compressed"), type);
            boolean sparse = parts.containsKey(".bitmask");
            float[] out = new float[rows * columns];
            int next = 0;
            for (int i = 0; i < rows; i++) {
                if (sparse) {
                    assertEquals(next, parts.get(".row_offsets").getAtIndex(LONG, i));
                }
                for (int j = 0; j < columns; j++) {
                    int mask =
                            sparse
                                    ? parts.get(".bitmask")
                                            .get(
                                                    ValueLayout.JAVA_BYTE,
                                                    i * ((columns + 7) / 8) + j / 8)
                                    : 0xff;
                    if (((mask >> (j % 8)) & 1) == 1) {
                        short scale = parts.get(".scales").getAtIndex(SHORT, i * groups + j / 32);
                        out[i * columns + j] = stored[next++] * Bf16.toFloat(scale) + 0f;
                    }
                    boolean runEnds = j % 64 == 63 || j == columns - 1;
                    if (sparse && type == ValueType.INT4 && runEnds && next % 2 == 1) {
                        assertEquals(0, stored[next++]);
                    }
                }
                while (!sparse && next < (i + 1) * groups * 32) {
                    assertEquals(0, stored[next++]);
                }
            }
            assertEquals(stored.length, next);
            return out;
        }
    }

    private static int[] storedNumbers(MemorySegment data, ValueType type) {
        byte[] bytes = data.toArray(ValueLayout.JAVA_BYTE);
        int[] numbers = new int[type == ValueType.INT4 ? 2 * bytes.length : bytes.length];
        for (int i = 0; i < numbers.length; i++) {
            if (type == ValueType.INT8) {
                numbers[i] = bytes[i];
            } else {
                int nibble = i % 2 == 0 ? (bytes[i / 2] & 0xf0) / 16 : bytes[i / 2] & 0x0f;
                numbers[i] = nibble < 8 ? nibble : nibble - 16;
            }
        }
        return numbers;
    }

    /// Random bf16 values; the last row is empty.
    private static short[] random(int width, double sparsity) {
        var random = new Random(width * 31L + Double.hashCode(sparsity));
        short[] values = new short[ROWS * width];
        for (int i = 0; i < values.length - width; i++) {
            if (random.nextDouble() >= sparsity) {
                values[i] = Bf16.round((float) random.nextGaussian());
            }
        }
        return values;
    }

    /// A checkpoint whose linear and table both hold `values`.
    private Path model(String name, short[] values, int width) throws IOException {
        Path model = Files.createDirectory(directory.resolve(name));
        int bytes = 2 * values.length;
        ByteBuffer data = ByteBuffer.allocate(2 * bytes + 6).order(ByteOrder.LITTLE_ENDIAN);
        data.asShortBuffer().put(values).put(new short[] {7, 8, 9}).put(values);
        String shape = "[" + ROWS + "," + width + "]";
        String header =
                "{\"__metadata__\":{\"format\":\"pt\"},"
                        + tensor(LINEAR, "BF16", shape, 0, bytes)
                        + ","
                        + tensor("norm.weight", "BF16", "[3]", bytes, bytes + 6)
                        + ","
                        + tensor(TABLE, "BF16", shape, bytes + 6, 2L * bytes + 6)
                        + "}";
        RawSafetensors.of(header + " ".repeat(-header.length() & 7), data.array())
                .write(weights(model));
        Files.writeString(model.resolve("config.json"), "{}");
        return model;
    }

    private static short[] bits(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Arena memory = Arena.ofConfined()) {
            return checkpoint.map(LINEAR, memory).data().toArray(SHORT);
        }
    }

    private static List<MatrixView> linear(Checkpoint source) {
        return source.find(LINEAR).stream()
                .map(TensorInfo::shape)
                .map(shape ->
                        MatrixView.whole(
                                LINEAR, shape.getFirst().intValue(), shape.getLast().intValue()))
                .toList();
    }

    private static Path weights(Path model) {
        return model.resolve(Checkpoint.SINGLE);
    }

    private static Path pack(Path model, ValueType type) {
        Path packed = model.resolveSibling(model.getFileName() + "-packed");
        try (Checkpoint source = Checkpoint.open(model);
                var output = OutputDirectory.claim(packed, model, false)) {
            Packer.pack(source, linear(source), Set.of(TABLE), type, output, _ -> {});
        }
        return packed;
    }

    private static void unpack(Path packed, Path unpacked) {
        try (Checkpoint source = Checkpoint.open(packed);
                var output = OutputDirectory.claim(unpacked, packed, false)) {
            Packer.unpack(source, output, _ -> {});
        }
    }
}
