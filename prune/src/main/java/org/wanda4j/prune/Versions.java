package org.wanda4j.prune;

import org.wanda4j.torch.Engine;

/// Of the software that computes a result.
public record Versions(String wanda4j, String libtorch, String java) {

    /// Of this process.
    public static Versions current() {
        return new Versions(
                Engine.versionOf(Pruner.class).orElse("development"),
                Engine.version(),
                Runtime.version().toString());
    }
}
