package org.wanda4j.cli;

import java.util.Optional;
import org.wanda4j.calibrate.WindowRunner;
import picocli.CommandLine.Option;

/// The option of commands whose windows a cluster can run.
final class SparkOption {

    @Option(
            names = "--spark",
            paramLabel = "MASTER",
            description =
                    "run the windows on a cluster of Apache Spark: local[N], spark://HOST:PORT, yarn or k8s://URL;"
                            + " needs SPARK_HOME (default: this process, or where spark-submit runs it)")
    private String master;

    /// Where windows are run, to be closed by the caller.
    WindowRunner runner() {
        return Optional.ofNullable(master)
                .or(() -> Optional.ofNullable(System.getProperty("spark.master")))
                .map(WindowRunner::spark)
                .orElse(WindowRunner.LOCAL);
    }
}
