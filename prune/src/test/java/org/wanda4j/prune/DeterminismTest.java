package org.wanda4j.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.prune.PruneProcess.Job;
import org.wanda4j.text.Corpus;

/// One recipe gives the same bytes whatever the number of threads and wherever the activations lie.
class DeterminismTest {

    /// Three batches and a part of one, so that three threads have something to share.
    private static final int WINDOWS = 56;

    @TempDir private Path directory;

    @ParameterizedTest
    @EnumSource(names = {"WANDA", "SPARSEGPT_BF16", "ADMM", "TUNED"})
    void neitherThreadsNorTheStoreChangeTheOutput(Job job) throws IOException {
        Path one = run(job, 1, Long.MAX_VALUE);
        assertSame(one, run(job, 2, 0));
        assertSame(one, run(job, 3, Long.MAX_VALUE));
    }

    @ParameterizedTest
    @Tag("slow")
    @EnumSource
    void noNumberOfThreadsInNoStoreChangesTheOutput(Job job) throws IOException {
        Path one = run(job, 1, Long.MAX_VALUE);
        for (int threads = 1; threads <= 3; threads++) {
            assertSame(one, run(job, threads, 0));
            assertSame(one, run(job, threads, Long.MAX_VALUE));
        }
    }

    private static void assertSame(Path expected, Path actual) throws IOException {
        assertEquals(
                -1,
                Files.mismatch(
                        expected.resolve("model.safetensors"),
                        actual.resolve("model.safetensors")));
    }

    private Path run(Job job, int threads, long scratchMemory) throws IOException {
        Path output = Files.createTempDirectory(directory, "run");
        Recipe recipe = job.recipe().withSampling(job.recipe().sampling().withWindows(WINDOWS));
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
            Pruner.prune(
                    model,
                    recipe,
                    Corpus.bundledCalibration(),
                    output,
                    false,
                    new RunSettings(threads, scratchMemory, Progress.NONE));
        }
        return output;
    }
}
