package org.wanda4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.torch.ComputeType;

/// Four batches cut into three parts.
class PartsTest {

    private static final String PARTS = "spark.default.parallelism";

    private static WindowRunner spark;

    @TempDir private Path directory;

    @BeforeAll
    static void start() {
        SparkJob.settings().forEach(System::setProperty);
        System.setProperty(PARTS, "3");
        spark = WindowRunner.spark("local[2]");
    }

    @AfterAll
    static void stop() {
        spark.close();
        System.clearProperty(PARTS);
    }

    @Test
    void theNumberOfPartsDoesNotChangeTheOutput() {
        assertEquals(
                SparkJob.digests(local(SparkJob.WANDA)), SparkJob.digests(cluster(SparkJob.WANDA)));
    }

    /// Gram matrices are added up in another order. By that some scores change places; ADMM goes on with what it made of them.
    @ParameterizedTest
    @CsvSource({"sparsegpt, 0.999", "admm, 0.99"})
    void masksOfMethodsWithGramMatricesDifferWhereScoresAreNearlyEqual(
            String method, double least) {
        Recipe recipe = SparkJob.WANDA.withMethod(method).withType(ComputeType.FP32);
        Path local = local(recipe);
        Path cluster = cluster(recipe);
        assertNotEquals(SparkJob.digests(local), SparkJob.digests(cluster));
        double same = SparkJob.sameZeros(local, cluster);
        assertTrue(same >= least, method + ": " + same);
    }

    private Path local(Recipe recipe) {
        return SparkJob.prune(recipe, directory.resolve("local"), WindowRunner.LOCAL);
    }

    private Path cluster(Recipe recipe) {
        return SparkJob.prune(recipe, directory.resolve("spark"), spark);
    }
}
