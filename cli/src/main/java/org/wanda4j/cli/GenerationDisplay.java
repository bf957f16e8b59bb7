package org.wanda4j.cli;

import java.util.function.Consumer;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.TokenStream;

/// Prints a generation as it proceeds; Ctrl-C cancels it, and not the program.
final class GenerationDisplay {

    private GenerationDisplay() {}

    static Generation show(TokenStream tokens, Consumer<String> chunks) {
        try (tokens;
                var _ = Interrupts.by(tokens::cancel)) {
            while (true) {
                switch (tokens.next()) {
                    case TokenStream.Chunk chunk -> chunks.accept(chunk.text());
                    case Generation generation -> {
                        return generation;
                    }
                }
            }
        }
    }

    static String figures(Generation generation) {
        return "%d tokens, %.1f/s; first after %.2f s"
                .formatted(
                        generation.tokens(),
                        generation.decodeTokensPerSecond(),
                        generation.secondsToFirst());
    }
}
