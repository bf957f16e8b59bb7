package org.wanda4j.calibrate;

import java.util.Optional;
import java.util.ServiceLoader;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.Windows;

/// Where calibration windows are run, until it is closed.
@FunctionalInterface
public interface WindowRunner extends AutoCloseable {

    /// This process.
    WindowRunner LOCAL = LocalWindows::embed;

    /// Connects to clusters: a service of a module that may be on the class path.
    @FunctionalInterface
    interface Provider {

        /// Connects to the cluster that `master` names.
        ///
        /// @throws InvalidInputException when it cannot be reached, or what it needs is not on the class path
        WindowRunner connect(String master);
    }

    /// The executors of a Spark cluster.
    ///
    /// @param master as Spark names it
    /// @throws InvalidInputException when it cannot be reached, or Spark is not on the class path
    static WindowRunner spark(String master) {
        return ServiceLoader.load(Provider.class)
                .findFirst()
                .orElseThrow(WindowRunner::withoutSpark)
                .connect(master);
    }

    /// What is said where Spark is not on the class path.
    static InvalidInputException withoutSpark() {
        return new InvalidInputException(
                "--spark needs Spark 4 for Scala 2.13, which is not a part of this program: set SPARK_HOME to where it is installed"
                        + " and start bin/wanda again, or start the program by spark-submit wanda-spark.jar");
    }

    /// Windows of a model with their embedding, to be closed by the caller.
    ///
    /// @param keepsStages whether what lies between two stages outlasts a pass over the windows
    /// @throws InvalidInputException when the model cannot take them, or there is no room for them
    CalibrationWindows embed(LayerwiseForward forward, Windows windows, boolean keepsStages);

    /// The processes behind it, which take other work too; empty where that is this one.
    default Optional<Workers> workers() {
        return Optional.empty();
    }

    @Override
    default void close() {}
}
