package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.wanda4j.checkpoint.ModelName;
import org.wanda4j.compare.Cell;
import org.wanda4j.evaluate.Divergence;
import org.wanda4j.evaluate.ZeroShot;

/// What was measured of a model, in words, for its card.
final class Figures {

    private Figures() {}

    static SequencedMap<String, String> of(Cell cell) {
        SequencedMap<String, String> figures =
                of(Optional.of(cell.perplexity()), cell.divergence(), cell.tasks());
        figures.put("weights", Format.megabytes(cell.bytes()));
        cell.bytesPerToken()
                .ifPresent(bytes -> figures.put("read for a token", Format.megabytes(bytes)));
        cell.speed()
                .ifPresent(speed -> {
                    figures.put(
                            "prefill", "%.0f tokens/s".formatted(speed.prefillTokensPerSecond()));
                    figures.put("decode", "%.0f tokens/s".formatted(speed.decodeTokensPerSecond()));
                });
        return figures;
    }

    static SequencedMap<String, String> of(Evaluation.Result result) {
        return of(
                result.perplexity().isPresent()
                        ? Optional.of(result.perplexity().getAsDouble())
                        : Optional.empty(),
                result.divergence(),
                result.tasks());
    }

    private static SequencedMap<String, String> of(
            Optional<Double> perplexity,
            Optional<Divergence> divergence,
            Map<String, ZeroShot> tasks) {
        SequencedMap<String, String> figures = new LinkedHashMap<>();
        perplexity.ifPresent(value -> figures.put("perplexity", "%.3f".formatted(value)));
        divergence.ifPresent(it -> {
            String reference = ModelName.of(Path.of(it.reference()));
            figures.put("KL divergence from " + reference, "%.4f".formatted(it.mean()));
            figures.put("99 % of tokens are below", "%.3f".formatted(it.percentile99()));
            figures.put("same first choice", Format.percent(it.sameChoice()));
        });
        tasks.forEach((task, measured) ->
                figures.put(
                        task,
                        "%s, normed %s"
                                .formatted(
                                        Format.percent(measured.accuracy()),
                                        Format.percent(measured.accuracyNorm()))));
        return figures;
    }
}
