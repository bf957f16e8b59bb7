package org.wanda4j.cli;

import java.nio.file.Path;
import org.wanda4j.prune.Pruner;

/// Says, when the process is told to stop (Ctrl-C, SIGTERM), what of the run is kept. The process then ends with 130 or
/// 143, as processes do that stop by such a signal.
final class StopNotice implements AutoCloseable {

    private final Path output;
    private final Thread onExit = new Thread(this::print, "stop-notice");

    /// @param output of the run
    StopNotice(Path output) {
        this.output = output;
        Runtime.getRuntime().addShutdownHook(onExit);
    }

    private void print() {
        Console.note(
                "wanda: stopped; "
                        + Pruner.left(output)
                                .map(done ->
                                        done
                                                + ", and the same command with --resume goes on from there")
                                .orElse("no block was done, and nothing is kept"));
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(onExit);
        } catch (IllegalStateException e) {
            // The process is ending: the notice is due.
        }
    }
}
