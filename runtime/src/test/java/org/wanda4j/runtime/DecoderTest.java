package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.Expected;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.GgmlType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.gguf.GgufExport;
import org.wanda4j.runtime.internal.decode.DecodeBatch;
import org.wanda4j.runtime.internal.decode.Decoder;
import org.wanda4j.runtime.internal.decode.Sequence;
import org.wanda4j.runtime.internal.kernels.RowKernels;

/// Every family against the logits of Hugging Face transformers.
class DecoderTest {

    /// Relative: keys and values are kept in bf16.
    private static final double TOLERANCE = 0.02;

    static List<Path> families() {
        return GoldenFamilies.all();
    }

    @ParameterizedTest
    @MethodSource("families")
    void logitsEqualThoseOfTransformersByAllKernels(Path family) {
        for (KernelChoice.Choice each : KernelChoice.runnable()) {
            check(family, family, each.kernels());
        }
    }

    /// A file that computes the same as the model, without a note of how far, gives the model's logits when it is read again.
    @Test
    void aGgufFileOfAFamilyGivesTheSame(@TempDir Path directory) {
        int compared = 0;
        for (Path family : families()) {
            Path file = directory.resolve(family.getFileName() + ".gguf");
            try (Checkpoint source = Checkpoint.open(family);
                    GgufExport export =
                            GgufExport.begin(source, file, Optional.of(GgmlType.F32), false)) {
                export.run(_ -> {});
                if (!export.notes().isEmpty()) {
                    continue;
                }
            } catch (InvalidInputException e) {
                continue; // llama.cpp does not compute it.
            }
            check(family, file, KernelChoice.best());
            compared++;
        }
        assertEquals(39, compared);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama-dynamic", "llama-longrope"})
    void theLengthOfOneTextDoesNotChangeWhatFollowsAnother(String name) {
        Path family = GoldenFamilies.of(name);
        try (var expected = new Expected(family.resolve("expected.safetensors"));
                Checkpoint checkpoint = Checkpoint.open(family);
                Decoder decoder = new Decoder(checkpoint, KernelChoice.best(), 2);
                Sequence other = decoder.newSequence();
                Sequence sequence = decoder.newSequence()) {
            int[] ids = expected.windows("ids").ids().getFirst();
            int[] some = Arrays.copyOf(ids, 4);
            assertFalse(decoder.canContinue(other, ids.length));
            float[] alone = inBlocks(decoder, some, 0);
            float[] beside =
                    decoder.forward(
                            List.of(
                                    new DecodeBatch.Step(other, ids, false),
                                    new DecodeBatch.Step(sequence, some, true)));
            assertClose(alone, Arrays.copyOf(beside, alone.length), name);
            assertTrue(decoder.canContinue(other, ids.length));
            assertFalse(decoder.canContinue(sequence, ids.length));
        }
    }

    @Test
    void aRouterThatGivesNanGivesLogitsThatAreNan(@TempDir Path directory) throws IOException {
        Path family = GoldenFamilies.of("mixtral");
        Path weights = directory.resolve("model.safetensors");
        Files.copy(family.resolve("config.json"), directory.resolve("config.json"));
        Files.copy(family.resolve("model.safetensors"), weights);
        try (Checkpoint checkpoint = Checkpoint.open(family);
                FileChannel file = FileChannel.open(weights, StandardOpenOption.WRITE)) {
            TensorInfo router = checkpoint.info("model.layers.0.block_sparse_moe.gate.weight");
            byte[] ones = new byte[(int) router.length()];
            Arrays.fill(ones, (byte) -1);
            file.write(ByteBuffer.wrap(ones), router.offset());
        }
        try (Checkpoint checkpoint = Checkpoint.open(directory);
                Decoder decoder = new Decoder(checkpoint, KernelChoice.best(), 2)) {
            for (int count = 1; count <= 20; count += 19) {
                assertTrue(Float.isNaN(inBlocks(decoder, new int[count], 0)[0]));
            }
        }
    }

    @Test
    @Timeout(600)
    void aDecoderThatCannotBeMadeLeavesNoThread() throws InterruptedException {
        Checkpoint closed = Checkpoint.open(families().getFirst());
        closed.close();
        assertThrows(RuntimeException.class, () -> new Decoder(closed, KernelChoice.best(), 3));
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("wanda-decoder-")) {
                thread.join();
            }
        }
    }

    private static void check(Path family, Path model, RowKernels kernels) {
        try (var expected = new Expected(family.resolve("expected.safetensors"));
                Checkpoint checkpoint = Checkpoint.open(model);
                Decoder decoder = new Decoder(checkpoint, kernels, 2)) {
            float[] logits = expected.floats("logits");
            int vocabulary = decoder.architecture().vocabulary();
            int at = 0;
            for (int[] ids : expected.windows("ids").ids()) {
                int end = at + ids.length * vocabulary;
                float[] last = Arrays.copyOfRange(logits, end - vocabulary, end);
                assertClose(last, inBlocks(decoder, ids, 0), model + " at once");
                float[] all = Arrays.copyOfRange(logits, at, end);
                assertClose(all, oneByOne(decoder, ids), model + " one by one");
                assertClose(last, inBlocks(decoder, ids, ids.length / 2), model + " in two");
                at = end;
            }
            assertEquals(logits.length, at);
        }
    }

    private static float[] oneByOne(Decoder decoder, int[] ids) {
        int vocabulary = decoder.architecture().vocabulary();
        float[] all = new float[ids.length * vocabulary];
        try (Sequence sequence = newSequence(decoder, ids.length)) {
            for (int i = 0; i < ids.length; i++) {
                float[] logits = decoder.forward(List.of(step(sequence, ids, i, i + 1, true)));
                System.arraycopy(logits, 0, all, i * vocabulary, vocabulary);
            }
        }
        return all;
    }

    /// With some scalings, the rotation depends on how long the text is known to be.
    private static Sequence newSequence(Decoder decoder, int length) {
        Sequence sequence = decoder.newSequence();
        assertTrue(sequence.reserve(length));
        return sequence;
    }

    private static DecodeBatch.Step step(
            Sequence sequence, int[] ids, int from, int to, boolean predicts) {
        return new DecodeBatch.Step(sequence, Arrays.copyOfRange(ids, from, to), predicts);
    }

    private static float[] inBlocks(Decoder decoder, int[] ids, int half) {
        try (Sequence sequence = newSequence(decoder, ids.length)) {
            if (half > 0) {
                decoder.forward(List.of(step(sequence, ids, 0, half, false)));
            }
            float[] logits = decoder.forward(List.of(step(sequence, ids, half, ids.length, true)));
            return Arrays.copyOf(logits, decoder.architecture().vocabulary());
        }
    }

    private static void assertClose(float[] expected, float[] actual, String what) {
        assertEquals(expected.length, actual.length);
        double error = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            error += Math.pow(actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        double relative = Math.sqrt(error / norm);
        assertTrue(relative < TOLERANCE, what + ": relative error " + relative);
    }
}
