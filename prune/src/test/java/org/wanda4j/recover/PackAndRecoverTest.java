package org.wanda4j.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.Safetensors;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.prune.Recipe;
import org.wanda4j.quantize.NearestPacking;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// The tiny model in int4, with norms that are trained behind the rounding.
class PackAndRecoverTest {

    private static final RunSettings SETTINGS = new RunSettings(2, Long.MAX_VALUE, Progress.NONE);

    /// Eight steps of eight windows of 64.
    private static final long TOKENS = 8 * 8 * 64;

    @TempDir private static Path directory;

    /// At 70 %, and packed.
    private static Path packed;

    @BeforeAll
    static void pack() {
        Path pruned = RecoverProcess.prune(directory.resolve("pruned"));
        packed = directory.resolve("packed");
        try (Checkpoint source = Checkpoint.open(pruned);
                var output = OutputDirectory.claim(packed, pruned, false)) {
            NearestPacking.pack(source, ValueType.INT4, ValueType.INT8, Map.of(), output, _ -> {});
        }
    }

    @Test
    void normsOfAPackedModelBringItNearerToTheDenseOne() throws IOException {
        Path output = directory.resolve("recovered");
        RecoverReport report = recover(new Recovery.Scope.Norms(), output);
        assertTrue(report.lossAfter() < 0.9 * report.lossBefore(), report::toString);
        assertEquals(norms(), differing(packed, output));
        try (Checkpoint model = Checkpoint.open(output)) {
            assertEquals(Optional.of(ValueType.INT4), model.packedAs());
        }
    }

    private static Set<String> norms() {
        try (Checkpoint model = Checkpoint.open(packed)) {
            return model.tensors().stream()
                    .map(TensorInfo::name)
                    .filter(name -> name.contains("norm"))
                    .collect(Collectors.toSet());
        }
    }

    /// Names of the tensors as they lie in the files, parts of packed matrices each by itself, that are not the same in both.
    private static Set<String> differing(Path one, Path other) throws IOException {
        try (Safetensors a = Safetensors.open(one.resolve("model.safetensors"));
                Safetensors b = Safetensors.open(other.resolve("model.safetensors"));
                Arena memory = Arena.ofConfined()) {
            assertEquals(List.copyOf(a.tensors()), List.copyOf(b.tensors()));
            assertEquals(a.metadata(), b.metadata());
            return a.tensors().stream()
                    .filter(it -> a.map(it, memory).data().mismatch(b.map(it, memory).data()) >= 0)
                    .map(TensorInfo::name)
                    .collect(Collectors.toSet());
        }
    }

    @Test
    void packedWeightsAreNotTrained() {
        for (var scope : List.of(new Recovery.Scope.All(), new Recovery.Scope.LowRank(4, 8))) {
            Path output = directory.resolve("all");
            String message =
                    assertThrows(InvalidInputException.class, () -> recover(scope, output))
                            .getMessage();
            assertTrue(message.contains("unpack it first"), message);
        }
        assertFalse(Files.exists(directory.resolve("all.partial")));
    }

    private static RecoverReport recover(Recovery.Scope scope, Path output) {
        try (Checkpoint model = Checkpoint.open(packed);
                Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama())) {
            return Recoverer.recover(
                    model,
                    Optional.of(dense),
                    new Recovery(
                            scope,
                            Recovery.DEFAULT.objective(),
                            new Recovery.Length.Tokens(TOKENS),
                            OptionalDouble.of(0.02),
                            OptionalInt.of(64),
                            0,
                            Optional.empty(),
                            Optional.of(ComputeType.FP32)),
                    Corpus.bundledCalibration(),
                    output,
                    false,
                    SETTINGS);
        }
    }

    @Test
    void packingEndsWithTrainedNorms() {
        Path output = directory.resolve("out");
        PackReport report = pack(output);
        PackReport.Recovered how = report.recovered().orElseThrow();
        assertEquals(TOKENS, how.tokens());
        assertTrue(how.lossAfter() <= how.lossBefore(), how::toString);
        assertEquals(output.toString(), report.output());
        assertTrue(Files.exists(output.resolve(RecoverReport.RECIPE)));
        assertFalse(Files.exists(directory.resolve("out.rounded")));
    }

    private static PackReport pack(Path output) {
        return pack(output, Corpus.bundledCalibration(), TOKENS);
    }

    private static PackReport pack(Path output, Corpus text, long tokens) {
        try (Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama())) {
            var sampling =
                    new Recipe.Sampling(
                            Recipe.DEFAULT.sampling().sampler(), 4, OptionalInt.of(64), 0);
            return new PackAndRecover(
                            dense,
                            ValueType.INT4,
                            ValueType.INT8,
                            ComputeType.FP32,
                            sampling,
                            text,
                            tokens,
                            SETTINGS)
                    .pack(output, false);
        }
    }

    @Test
    void whatCannotBeRecoveredIsNotRounded() {
        Path output = directory.resolve("short");
        var text = Corpus.of("three", List.of("one two three ".repeat(120)));
        String message =
                assertThrows(InvalidInputException.class, () -> pack(output, text, TOKENS))
                        .getMessage();
        assertTrue(message.contains("--recover-tokens 0"), message);
        assertFalse(Files.exists(output));
        assertFalse(Files.exists(directory.resolve("short.rounded")));
        assertTrue(pack(output, text, 0).recovered().isEmpty());

        message =
                assertThrows(InvalidInputException.class, () -> pack(output, text, -1))
                        .getMessage();
        assertEquals("--recover-tokens must be at least 0, got -1", message);
    }

    @Test
    void whatLiesInTheWayIsNotTouched() throws IOException {
        Path there = Files.createDirectory(directory.resolve("taken.rounded"));
        Path file = Files.writeString(there.resolve("config.json"), "{}");
        assertThrows(InvalidInputException.class, () -> pack(directory.resolve("taken")));
        assertEquals("{}", Files.readString(file));
    }
}
