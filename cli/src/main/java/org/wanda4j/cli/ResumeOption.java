package org.wanda4j.cli;

import picocli.CommandLine.Option;

/// Whether a run goes on with what an interrupted one left.
final class ResumeOption {

    @Option(
            names = "--resume",
            description =
                    "go on with a run on OUT that was interrupted, by the same options; start one where there is none; without this, --force clears away what such a run left")
    private boolean given;

    boolean given() {
        return given;
    }
}
