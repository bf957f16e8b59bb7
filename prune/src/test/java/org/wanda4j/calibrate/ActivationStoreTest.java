package org.wanda4j.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.PruneReport;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.tune.Tuning;

/// Activations in memory and in a file are the same to the pruner.
class ActivationStoreTest {

    @TempDir private Path directory;

    @ParameterizedTest
    @CsvSource({"STAGE,wanda,false", "BLOCK,wanda,false", "STAGE,admm,true"})
    void aRunThatSpillsWritesTheSameBytes(CalibrationOrder order, String method, boolean tune)
            throws IOException {
        Recipe recipe =
                Recipe.DEFAULT
                        .withMethod(method)
                        .withOrder(order)
                        .withTuning(tune ? Optional.of(new Tuning(1, 3e-4)) : Optional.empty())
                        .withSampling(
                                new Recipe.Sampling(
                                        CalibrationSampler.PACKED, 24, OptionalInt.of(64), 0));
        assertEquals("memory", run(recipe, "memory", Long.MAX_VALUE).activations());
        assertEquals("file", run(recipe, "file", 0).activations());
        assertEquals(
                -1,
                Files.mismatch(
                        directory.resolve("memory/model.safetensors"),
                        directory.resolve("file/model.safetensors")));
        try (Stream<Path> left = Files.walk(directory)) {
            assertTrue(left.noneMatch(file -> file.getFileName().toString().endsWith(".tmp")));
        }
    }

    @Test
    void aStoreThatFitsNoDiskIsRefused() {
        var layout =
                new ActivationStore.Layout(1 << 20, 1 << 12, 1 << 12, 1, false, ComputeType.FP32);
        var refusal =
                assertThrows(
                        InvalidInputException.class,
                        () -> new ActivationStore(layout, new ScratchSpace(0, directory)).close());
        assertTrue(refusal.getMessage().contains("--windows"), refusal.getMessage());
    }

    @Test
    void theFileVanishesWithTheStore() throws IOException {
        var layout = new ActivationStore.Layout(4, 16, 8, 8, true, ComputeType.FP32);
        try (var store = new ActivationStore(layout, new ScratchSpace(0, directory))) {
            assertTrue(store.mapped());
        }
        try (Stream<Path> left = Files.list(directory)) {
            assertFalse(left.findAny().isPresent());
        }
    }

    private PruneReport run(Recipe recipe, String output, long scratchMemory) {
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
            return Pruner.prune(
                    model,
                    recipe,
                    Corpus.bundledCalibration(),
                    directory.resolve(output),
                    false,
                    new RunSettings(2, scratchMemory, Progress.NONE));
        }
    }
}
