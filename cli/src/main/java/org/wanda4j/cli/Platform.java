package org.wanda4j.cli;

import org.wanda4j.sparse.Kernels;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Libtorch;

/// What this process computes with.
final class Platform {

    private Platform() {}

    static String describe() {
        Libtorch libtorch = Libtorch.load();
        return "libtorch "
                + libtorch.directory()
                        .map(it -> libtorch.version() + " of " + it)
                        .orElseGet(Engine::version)
                + " ("
                + Engine.cpuCapability()
                + "), selection by "
                + Kernels.best().description();
    }
}
