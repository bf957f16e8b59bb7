/// Checkpoints, model families, masks, tokenizers.
@SuppressWarnings({
    "requires-automatic", // DJL has no descriptor.
    "module" // The two modules that see threads are compiled later.
})
module org.wanda4j.core {
    requires ai.djl.tokenizers;
    requires com.google.gson; // By DJL.
    requires jdk.incubator.vector;
    requires org.apache.commons.rng.core;
    requires org.slf4j; // By DJL.
    requires transitive tools.jackson.databind;

    exports org.wanda4j.checkpoint;
    exports org.wanda4j.gguf;
    exports org.wanda4j.model;
    exports org.wanda4j.model.families;
    exports org.wanda4j.sparse;
    exports org.wanda4j.text;
    exports org.wanda4j.threads to
            org.wanda4j.prune,
            org.wanda4j.runtime;

    uses org.wanda4j.checkpoint.GgufMapping;

    provides org.wanda4j.checkpoint.GgufMapping with
            org.wanda4j.gguf.GgufImport;
}
