/// Generation in plain Java, and the HTTP server.
@SuppressWarnings("requires-automatic") // Prometheus's client has no descriptor.
module org.wanda4j.runtime {
    requires io.prometheus.metrics.core;
    requires io.prometheus.metrics.model;
    requires io.prometheus.writer.text;
    requires java.management;
    requires jdk.httpserver;
    requires jdk.incubator.vector;
    requires jdk.management;
    requires transitive org.wanda4j.core;

    exports org.wanda4j.grammar;
    exports org.wanda4j.runtime;
    exports org.wanda4j.serve;
    exports org.wanda4j.tools;
}
