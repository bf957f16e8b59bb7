package org.wanda4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.calibrate.WindowRunner;

/// Windows cut into another number of parts.
class PartsTest {

    @TempDir private Path directory;

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void theNumberOfPartsDoesNotChangeTheOutput(int parts) {
        SparkJob.settings().forEach(System::setProperty);
        System.setProperty("spark.default.parallelism", Integer.toString(parts));
        Path local =
                SparkJob.prune(SparkJob.WANDA, directory.resolve("local"), WindowRunner.LOCAL);
        Path cluster = directory.resolve("spark");
        try (WindowRunner spark = WindowRunner.spark("local[2]")) {
            SparkJob.prune(SparkJob.WANDA, cluster, spark);
        } finally {
            System.clearProperty("spark.default.parallelism");
        }
        assertEquals(SparkJob.digests(local), SparkJob.digests(cluster));
    }
}
