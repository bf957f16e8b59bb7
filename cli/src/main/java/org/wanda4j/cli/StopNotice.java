package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/// Says, when the process is told to stop (Ctrl-C, SIGTERM), what is kept of its work. The process then ends with 130 or
/// 143, as processes do that stop by such a signal.
final class StopNotice implements AutoCloseable {

    private final Thread onExit;

    private StopNotice(Supplier<String> kept) {
        this.onExit = new Thread(() -> say(kept.get()), "stop-notice");
        Runtime.getRuntime().addShutdownHook(onExit);
    }

    /// Below a bar, where one is drawn.
    private static void say(String kept) {
        Console.note((Console.isErrorTerminal() ? "\n" : "") + "wanda: stopped; " + kept);
    }

    /// For a run that `--resume` goes on with.
    ///
    /// @param left how far the run on `output` had come, in words
    static StopNotice ofRun(Path output, Function<Path, Optional<String>> left) {
        return new StopNotice(() ->
                left.apply(output)
                        .map(done ->
                                done + ", and the same command with --resume goes on from there")
                        .orElse("no run is left to go on with"));
    }

    /// For a command that resumes by itself.
    static StopNotice ofRepeatable() {
        return new StopNotice(() -> "the same command goes on from there");
    }

    /// For a command whose output is there whole or not at all.
    static StopNotice ofWhole() {
        return new StopNotice(() -> "the same command starts over");
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
