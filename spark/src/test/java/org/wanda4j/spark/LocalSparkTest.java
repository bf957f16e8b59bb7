package org.wanda4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.torch.ComputeType;

/// Spark in this process.
class LocalSparkTest {

    static final List<Recipe> SAME_BYTES =
            List.of(
                    SparkJob.WANDA,
                    SparkJob.WANDA.withOrder(CalibrationOrder.BLOCK).withType(ComputeType.FP32),
                    SparkJob.WANDA.withMethod("ria"),
                    SparkJob.WANDA.withMethod("magnitude"),
                    SparkJob.WANDA.withAllocation(
                            Allocation.OWL, SparkJob.WANDA.sparsityOf()));

    private static WindowRunner spark;

    @TempDir private Path directory;

    @BeforeAll
    static void start() {
        System.setProperty("spark.ui.enabled", "false");
        System.setProperty("spark.driver.host", "127.0.0.1");
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

    private Path out(String name) {
        return directory.resolve(name);
    }
}
