package org.wanda4j.cli;

import java.util.function.Consumer;
import org.wanda4j.runtime.Answer;
import org.wanda4j.runtime.Generation;

/// An answer as it is written; Ctrl-C ends it, and not the program.
final class AnswerDisplay {

    private AnswerDisplay() {}

    static Generation show(Answer answer, Consumer<String> pieces) {
        try (answer;
                var _ = Interrupts.by(answer::cancel)) {
            while (true) {
                switch (answer.next()) {
                    case Answer.Piece piece -> pieces.accept(piece.text());
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
