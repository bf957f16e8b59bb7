package org.wanda4j.cli;

import java.util.List;
import org.jline.utils.Signals;

/// Replaces the action of Ctrl-C and SIGTERM until it is closed.
final class Interrupts implements AutoCloseable {

    private record Handler(String signal, Object before) {}

    private final List<Handler> handlers;

    private Interrupts(List<String> signals, Runnable action) {
        handlers =
                signals.stream()
                        .map(signal -> new Handler(signal, Signals.register(signal, action)))
                        .toList();
    }

    /// Ctrl-C runs `action`.
    static Interrupts by(Runnable action) {
        return new Interrupts(List.of("INT"), action);
    }

    /// Ctrl-C and SIGTERM run `action`.
    static Interrupts byAny(Runnable action) {
        return new Interrupts(List.of("INT", "TERM"), action);
    }

    @Override
    public void close() {
        handlers.forEach(handler -> Signals.unregister(handler.signal(), handler.before()));
    }
}
