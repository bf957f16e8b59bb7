package org.wanda4j.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
                    + " a data set of the hub (org/name[@revision][:PART]), or - for standard input";

    private static final String STANDARD_INPUT = "-";
    private static final String DATA_SETS = "datasets/";

    @Option(
            names = "--text-field",
            paramLabel = "FIELD",
            description =
                    "of JSON and Parquet: holds the text, or messages, which the model's chat template renders"
                            + " (default: text, else messages)")
    private String field;

    private Map<String, String> environment = Map.of();

    /// @param source a path, or `-`
    /// @param model whose chat template renders messages
    Corpus open(String source, Path model) {
        var settings =
                new TextSettings(Optional.ofNullable(field), Optional.of(model), new DataFormats());
        if (source.equals(STANDARD_INPUT)) {
            return Corpus.read("standard input", System.in, settings);
        }
        Optional<HubSource> hub = dataSet(source);
        return hub.isPresent()
                ? Corpus.open(source, fetch(hub.get()), settings)
                : Corpus.open(Path.of(source), settings);
    }

    /// Where data sets come from.
    ///
    /// @param variables those of [org.wanda4j.hub.HubSettings]
    void environment(Map<String, String> variables) {
        environment = variables;
    }

    /// The data set that `source` names; empty where it is a file or a directory, or has the extension of one.
    private static Optional<HubSource> dataSet(String source) {
        String name = HubSource.name(source);
        return Corpus.reads(name) || (name.equals(source) && Files.exists(Path.of(source)))
                ? Optional.empty()
                : HubSource.parse(source.startsWith(DATA_SETS) ? source : DATA_SETS + source);
    }

    private List<Path> fetch(HubSource source) {
        return HubModels.withProgress(
                environment,
                (hub, progress) -> hub.fetchText(source.id(), source.part(), progress));
    }

    /// The text to predict, the bundled one where `source` is null.
    Corpus openEvaluation(String source, Path model) {
        return source == null ? Corpus.bundledEvaluation() : open(source, model);
    }
}
