package org.wanda4j.cli;

import java.util.Optional;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.checkpoint.InvalidInputException;
import picocli.CommandLine.Option;

/// The option of commands whose work a cluster can do.
final class SparkOption {

    @Option(
            names = "--spark",
            paramLabel = "MASTER",
            description =
                    "have a cluster of Apache Spark do it: local[N], spark://HOST:PORT, yarn or k8s://URL;"
                            + " needs SPARK_HOME (default: this process, or where spark-submit runs it)")
    private String master;

    private Optional<String> master() {
        return Optional.ofNullable(master)
                .or(() -> Optional.ofNullable(System.getProperty("spark.master")));
    }

    /// Whether a cluster is to do it.
    boolean given() {
        return master().isPresent();
    }

    /// Where it is done, to be closed by the caller.
    ///
    /// @param settings of the run
    /// @throws InvalidInputException when a device was chosen besides
    WindowRunner runner(RunSettings settings) {
        if (given()) {
            settings.requireHost("a run with --spark");
        }
        return master().map(WindowRunner::spark).orElse(WindowRunner.LOCAL);
    }
}
