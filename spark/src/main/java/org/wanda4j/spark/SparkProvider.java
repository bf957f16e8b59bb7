package org.wanda4j.spark;

import org.wanda4j.calibrate.WindowRunner;

/// Connects to Spark, where that is on the class path.
public final class SparkProvider implements WindowRunner.Provider {

    /// For the service loader.
    public SparkProvider() {}

    @Override
    public WindowRunner connect(String master) {
        try {
            Class.forName("org.apache.spark.api.java.JavaSparkContext");
        } catch (ClassNotFoundException e) {
            throw WindowRunner.withoutSpark();
        }
        return SparkCluster.connect(master);
    }
}
