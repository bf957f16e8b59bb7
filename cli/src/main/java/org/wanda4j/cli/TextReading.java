package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.Optional;
import org.wanda4j.data.DataFormats;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.TextSettings;
import picocli.CommandLine.Option;

/// How text is read, for calibration and for evaluation.
final class TextReading {

    /// What is read, for the help of the options that take it.
    static final String SOURCES =
            ".txt, .jsonl or .json, each also with .gz or .zst, .parquet, a directory of them,"
                    + " or - for standard input";

    private static final String STANDARD_INPUT = "-";

    @Option(
            names = "--text-field",
            paramLabel = "FIELD",
            description =
                    "of JSON and Parquet: holds the text, or messages, which the model's chat template renders"
                            + " (default: text, else messages)")
    private String field;

    /// @param source a path, or `-`
    /// @param model whose chat template renders messages
    Corpus open(String source, Path model) {
        var settings =
                new TextSettings(Optional.ofNullable(field), Optional.of(model), new DataFormats());
        return source.equals(STANDARD_INPUT)
                ? Corpus.read("standard input", System.in, settings)
                : Corpus.open(Path.of(source), settings);
    }

    /// The text to predict, the bundled one where `source` is null.
    Corpus openEvaluation(String source, Path model) {
        return source == null ? Corpus.bundledEvaluation() : open(source, model);
    }
}
