package org.wanda4j.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.SelfWriter;
import org.wanda4j.text.Corpus;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The text that windows are taken from.
final class TextOption {

    private static final String SELF = "self";
    private static final String C4 = "c4";

    private static final Pattern SOURCE =
            Pattern.compile("(?<name>.+?)(:(?<weight>\\d*\\.?\\d+))?");

    /// What is written for a token that is asked for: text that was decoded may have fewer when it is encoded again.
    private static final double SPARE = 1.125;

    @Option(
            names = "--calibration",
            paramLabel = "TEXT",
            description =
                    "calibration text: "
                            + TextReading.SOURCES
                            + "; c4: the bundled piece of C4 (default); self: text that the dense model writes first."
                            + " Several with their weights: a.jsonl:0.7,self:0.3")
    private String text;

    @Mixin private final TextReading reading = new TextReading();

    /// A source and its weight.
    private record Source(String name, double weight) {

        Source {
            if (weight == 0) {
                throw new InvalidInputException(
                        "--calibration: %s: a weight must be above 0".formatted(name));
            }
        }

        boolean isSelf() {
            return name.equals(SELF);
        }
    }

    /// The text, or the mixture.
    ///
    /// @param model whose chat template renders messages
    /// @param self gives what `self` stands for, which is this share of all; called last
    Corpus corpus(Path model, DoubleFunction<Corpus> self) {
        List<Source> sources = sources();
        double share = selfShare();
        Map<Source, Corpus> opened = new HashMap<>();
        sources.stream()
                .filter(source -> !source.isSelf())
                .forEach(source -> opened.put(source, open(source, model)));
        sources.stream()
                .filter(Source::isSelf)
                .forEach(source -> opened.put(source, self.apply(share)));
        return sources.size() == 1
                ? opened.get(sources.getFirst())
                : Corpus.mixed(
                        sources.stream()
                                .map(source ->
                                        new Corpus.Share(opened.get(source), source.weight()))
                                .toList());
    }

    /// What share of the text the model writes.
    double selfShare() {
        List<Source> sources = sources();
        double written = sources.stream().filter(Source::isSelf).mapToDouble(Source::weight).sum();
        return written / sources.stream().mapToDouble(Source::weight).sum();
    }

    private Corpus open(Source source, Path model) {
        return source.name().equals(C4)
                ? Corpus.bundledCalibration()
                : reading.open(source.name(), model);
    }

    /// How many tokens a model writes so that so many can be taken.
    static long toWrite(double tokens) {
        return Math.round(tokens * SPARE);
    }

    /// Text that a model writes when it is first read, from which so many tokens can be taken.
    static Corpus written(Path model, double tokens, long seed, int threads) {
        long count = toWrite(tokens);
        return Corpus.later(
                SELF,
                () -> {
                    try (var progress = new ProgressDisplay()) {
                        progress.start("writing text", count);
                        return SelfWriter.write(
                                model,
                                Corpus.bundledCalibration(),
                                count,
                                seed,
                                threads,
                                done -> progress.advance(done, "by the model itself"));
                    }
                });
    }

    private List<Source> sources() {
        if (text == null) {
            return List.of(new Source(C4, 1));
        }
        if (Files.exists(Path.of(text))) {
            return List.of(new Source(text, 1));
        }
        return Arrays.stream(text.split(",", -1)).map(TextOption::source).toList();
    }

    private static Source source(String part) {
        Matcher matcher = SOURCE.matcher(part);
        if (!matcher.matches()) {
            throw new InvalidInputException(
                    "--calibration: '%s' is no text with a weight; write a.jsonl:0.7,self:0.3"
                            .formatted(part));
        }
        String weight = matcher.group("weight");
        return new Source(matcher.group("name"), weight == null ? 1 : Double.parseDouble(weight));
    }

    /// How it is read, and text for evaluation besides.
    TextReading reading() {
        return reading;
    }

    boolean given() {
        return text != null;
    }

    boolean isNone() {
        return "none".equals(text);
    }
}
