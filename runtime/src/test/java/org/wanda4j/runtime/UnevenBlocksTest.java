package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;
import org.wanda4j.model.Rotary;
import org.wanda4j.model.families.Families;
import org.wanda4j.runtime.internal.decode.DecodeBatch;
import org.wanda4j.runtime.internal.decode.Decoder;
import org.wanda4j.runtime.internal.decode.Sequence;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.ScalarKernels;

/// Blocks of different sizes: they compute what blocks of one size do whose further heads and channels are multiplied by zero.
class UnevenBlocksTest {

    private static final int HIDDEN = 24;
    private static final int HEAD_SIZE = 8;
    private static final int VOCABULARY = 50;

    /// Key and value heads of each block, each read by two query heads.
    private static final int[] UNEVEN = {3, 1, 2, 3};

    private static final int[] EVEN = {3, 3, 3, 3};
    private static final int INNER = 10; // for each head

    @TempDir private Path directory;

    @BeforeAll
    static void register() {
        Families.register("uneven-blocks", (_, _) -> architecture(UNEVEN));
        Families.register("even-blocks", (_, _) -> architecture(EVEN));
    }

    @Test
    void blocksOfOtherSizesDoNotDisturbEachOther() throws IOException {
        Map<String, float[]> large = new LinkedHashMap<>();
        Map<String, float[]> small = new LinkedHashMap<>();
        fill(large, small);
        Path even = write("even-blocks", large);
        Path uneven = write("uneven-blocks", small);
        for (RowKernels kernels : List.of(new ScalarKernels("test"), KernelChoice.best())) {
            assertArrayEquals(logits(even, kernels), logits(uneven, kernels), 1e-3f);
        }
    }

    private static Architecture architecture(int[] heads) {
        return new Architecture(
                "llama",
                HIDDEN,
                VOCABULARY,
                64,
                Embedding.of("embed.weight", HIDDEN),
                IntStream.range(0, heads.length).mapToObj(i -> block(i, heads[i])).toList(),
                Head.of(Norm.rms("norm", HIDDEN, 1e-5), "embed.weight"));
    }

    private static Block block(int index, int heads) {
        String name = "layers." + index + ".";
        int width = heads * HEAD_SIZE;
        int inner = heads * INNER;
        var attention =
                new Attention(
                        Linear.of(name + "q", HIDDEN, 2 * width, false),
                        Linear.of(name + "k", HIDDEN, width, false),
                        Linear.of(name + "v", HIDDEN, width, false),
                        Linear.of(name + "o", 2 * width, HIDDEN, false),
                        2 * heads,
                        heads,
                        HEAD_SIZE,
                        0.3,
                        OptionalDouble.empty(),
                        OptionalDouble.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        new Rotary(HEAD_SIZE, false, 10_000, 64, new Rotary.Scaling.None()),
                        OptionalInt.empty());
        var mlp =
                new Mlp(
                        Optional.of(Linear.of(name + "gate", HIDDEN, inner, false)),
                        Linear.of(name + "up", HIDDEN, inner, false),
                        Linear.of(name + "down", inner, HIDDEN, false),
                        Activation.SILU);
        return Block.sequential(
                Branch.normFirst(Norm.rms(name + "first", HIDDEN, 1e-5), attention),
                Branch.normFirst(Norm.rms(name + "second", HIDDEN, 1e-5), mlp));
    }

    /// Random tensors of the even model, and their parts that the uneven one has.
    private static void fill(Map<String, float[]> large, Map<String, float[]> small) {
        var random = new Random(1);
        Map<String, List<Long>> shapes = architecture(UNEVEN).tensors();
        architecture(EVEN)
                .tensors()
                .forEach((name, shape) -> {
                    int columns = shape.size() == 1 ? 1 : shape.getLast().intValue();
                    float[] all = new float[shape.getFirst().intValue() * columns];
                    List<Long> kept = shapes.get(name);
                    int keptColumns = kept.size() == 1 ? 1 : kept.getLast().intValue();
                    float[] some = new float[kept.getFirst().intValue() * keptColumns];
                    for (int i = 0; i < all.length; i++) {
                        int row = i / columns;
                        int column = i % columns;
                        boolean further =
                                column >= keptColumns; // a column is what a further head gives
                        all[i] = further ? 0 : (float) random.nextGaussian();
                        if (!further && row < kept.getFirst()) {
                            some[row * keptColumns + column] = all[i];
                        }
                    }
                    large.put(name, all);
                    small.put(name, some);
                });
    }

    private Path write(String family, Map<String, float[]> tensors) throws IOException {
        Path model = Files.createDirectory(directory.resolve(family));
        Files.writeString(model.resolve("config.json"), "{\"model_type\":\"" + family + "\"}");
        Map<String, List<Long>> shapes =
                architecture(family.startsWith("un") ? UNEVEN : EVEN).tensors();
        int count = tensors.values().stream().mapToInt(values -> values.length).sum();
        ByteBuffer data = ByteBuffer.allocate(Float.BYTES * count).order(ByteOrder.LITTLE_ENDIAN);
        List<String> entries = new ArrayList<>();
        tensors.forEach((name, values) -> {
            int from = data.position();
            for (float value : values) {
                data.putFloat(value);
            }
            entries.add(
                    "\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                            .formatted(name, shapes.get(name), from, data.position()));
        });
        byte[] header = ("{" + String.join(",", entries) + "}").getBytes(StandardCharsets.UTF_8);
        ByteBuffer file =
                ByteBuffer.allocate(Long.BYTES + header.length + data.capacity())
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(header.length)
                        .put(header)
                        .put(data.flip());
        Files.write(model.resolve("model.safetensors"), file.array());
        return model;
    }

    /// After a few tokens at once, and after one more.
    private static float[] logits(Path model, RowKernels kernels) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Decoder decoder = new Decoder(checkpoint, kernels, 2);
                Sequence sequence = decoder.newSequence()) {
            int[] ids = {3, 1, 4, 1, 5, 9, 2, 6};
            decoder.forward(List.of(new DecodeBatch.Step(sequence, ids, false)));
            int[] next = {7};
            float[] logits = decoder.forward(List.of(new DecodeBatch.Step(sequence, next, true)));
            return Arrays.copyOf(logits, VOCABULARY);
        }
    }
}
