package org.wanda4j.cli;

import java.nio.file.Path;
import org.wanda4j.text.Corpus;
import picocli.CommandLine.Option;

/// The text that windows are taken from.
final class TextOption {

    @Option(
            names = "--calibration",
            paramLabel = "FILE",
            description =
                    "calibration text: .txt, .jsonl, .jsonl.gz or .json.gz (field text), or a directory of them"
                            + " (default: a bundled piece of C4)")
    private Path text;

    Corpus corpus() {
        return text == null ? Corpus.bundledCalibration() : Corpus.open(text);
    }

    boolean given() {
        return text != null;
    }

    boolean isNone() {
        return text != null && text.equals(Path.of("none"));
    }
}
