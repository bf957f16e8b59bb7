package org.wanda4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.wanda4j.text.Corpus;

/// The front of the bundled evaluation text, for tests that predict a few windows of it: to encode the whole takes longer than that.
public final class EvaluationText {

    private static final int CHARACTERS = 60_000;

    private EvaluationText() {}

    /// Its first lines, 4 % of all. Their tokens are those that the whole begins with, but for the last, where a tokenizer cuts a text
    /// into words first, as those of the tiny Llama and of SmolLM2 do.
    public static Corpus beginning() {
        Corpus whole = Corpus.bundledEvaluation();
        String text = whole.text();
        return new Corpus(
                whole.name(),
                whole.sha256(),
                List.of(text.substring(0, text.indexOf('\n', CHARACTERS))));
    }

    /// The same in a file.
    public static Path beginningIn(Path directory) {
        try {
            return Files.writeString(directory.resolve("evaluation.txt"), beginning().text());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
