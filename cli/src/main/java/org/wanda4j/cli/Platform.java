package org.wanda4j.cli;

import org.wanda4j.sparse.Kernels;
import org.wanda4j.torch.Engine;

/// What this process computes with.
final class Platform {

    private Platform() {}

    static String describe() {
        return "libtorch "
                + Engine.version()
                + " ("
                + Engine.cpuCapability()
                + "), selection by "
                + Kernels.best().description();
    }
}
