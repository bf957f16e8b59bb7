package org.wanda4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.prune.Recipe;
import org.wanda4j.tune.Tuning;

/// Spark in this process.
class LocalSparkTest {

    static final List<Recipe> SAME_BYTES =
            List.of(
                    SparkJob.WANDA,
                    SparkJob.WANDA_BLOCK,
                    SparkJob.WANDA.withMethod("ria"),
                    SparkJob.WANDA.withMethod("magnitude"),
                    SparkJob.WANDA.withMethod("sparsegpt"),
                    SparkJob.WANDA_BLOCK.withMethod("admm"),
                    SparkJob.WANDA.withAllocation(Allocation.OWL, SparkJob.WANDA.sparsityOf()));

    private static WindowRunner spark;

    @TempDir private Path directory;

    @BeforeAll
    static void start() {
        SparkJob.settings().forEach(System::setProperty);
        spark = WindowRunner.spark("local[2]");
    }

    @AfterAll
    static void stop() {
        spark.close();
    }

    @ParameterizedTest
    @FieldSource("SAME_BYTES")
    void theOutputIsThatOfALocalRun(Recipe recipe) {
        assertEquals(
                SparkJob.digests(SparkJob.prune(recipe, out("local"), WindowRunner.LOCAL)),
                SparkJob.digests(SparkJob.prune(recipe, out("spark"), spark)));
    }

    @Test
    void tuningIsRefused() {
        Recipe tuned = SparkJob.WANDA.withTuning(Optional.of(Tuning.DEFAULT));
        var refused =
                assertThrows(
                        InvalidInputException.class,
                        () -> SparkJob.prune(tuned, out("tuned"), spark));
        assertTrue(refused.getMessage().contains("--no-tune"), refused.getMessage());
        assertFalse(Files.exists(out("tuned")));
    }

    private Path out(String name) {
        return directory.resolve(name);
    }
}
