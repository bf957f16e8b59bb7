/// Pruning: calibration, methods, tuning, evaluation.
@SuppressWarnings("requires-automatic") // Hardwood has no descriptor.
module org.wanda4j.prune {
    requires com.github.luben.zstd_jni;
    requires dev.hardwood.core;
    requires java.management;
    requires jdk.incubator.vector;
    requires jdk.management;
    requires org.bytedeco.pytorch;
    requires transitive org.wanda4j.core;

    exports org.wanda4j.allocate;
    exports org.wanda4j.calibrate;
    exports org.wanda4j.compare;
    exports org.wanda4j.data;
    exports org.wanda4j.evaluate;
    exports org.wanda4j.method;
    exports org.wanda4j.plan;
    exports org.wanda4j.prune;
    exports org.wanda4j.quantize;
    exports org.wanda4j.recover;
    exports org.wanda4j.report;
    exports org.wanda4j.torch;
    exports org.wanda4j.tune;

    opens org.wanda4j.prune to
            tools.jackson.databind; // The journal and the recipe are written as JSON.
}
