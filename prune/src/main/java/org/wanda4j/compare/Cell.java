package org.wanda4j.compare;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.wanda4j.evaluate.Divergence;
import org.wanda4j.evaluate.ZeroShot;

/// One variant of a model, as measured. Serialised as it stands: `docs/json.md` documents the fields.
///
/// @param name tells it from the others of a comparison: `admm 50 % int8`, `wanda 2:4`, `dense int4`
/// @param method as the command line spells it; [#DENSE] for a model that was not pruned
/// @param pattern `N:M`, or the fraction that was to be removed; empty where the model was not pruned
/// @param sparsity fraction of the pruned linears' weights that is zero
/// @param values type that it was packed in; empty where it was not packed
/// @param perplexity at least 1
/// @param divergence from the dense model; empty for that itself
/// @param tasks by name
/// @param seconds that it took to make from the dense model
/// @param peakResidentBytes most memory that the process had resident while it was pruned
/// @param bytes of all weights' files
/// @param bytesPerToken of weights that are read to decode a token; empty where the runtime was not asked
/// @param speed of the runtime; empty where it was not measured
public record Cell(
        String name,
        String method,
        String pattern,
        double sparsity,
        Optional<String> values,
        double perplexity,
        Optional<Divergence> divergence,
        Map<String, ZeroShot> tasks,
        double seconds,
        OptionalLong peakResidentBytes,
        long bytes,
        OptionalLong bytesPerToken,
        Optional<Speed> speed) {

    /// Method of a model that was not pruned.
    public static final String DENSE = "dense";

    /// How fast a model is, in tokens/s: mean and standard deviation of the repeats.
    public record Speed(
            double prefillTokensPerSecond,
            double prefillDeviation,
            double decodeTokensPerSecond,
            double decodeDeviation) {}

    /// Copies the map.
    public Cell {
        tasks = Collections.unmodifiableMap(new LinkedHashMap<>(tasks));
    }

    /// The name of a cell.
    public static String name(String method, String pattern, Optional<String> values) {
        String pruned = pattern.isEmpty() ? method : method + " " + label(pattern);
        return values.map(type -> pruned + " " + type).orElse(pruned);
    }

    /// A pattern for people: `2:4`, `50 %`.
    public static String label(String pattern) {
        if (pattern.isEmpty() || pattern.contains(":")) {
            return pattern;
        }
        return new BigDecimal(pattern)
                        .movePointRight(2)
                        .setScale(2, RoundingMode.HALF_UP)
                        .stripTrailingZeros()
                        .toPlainString()
                + " %";
    }

    /// This cell with its speed.
    public Cell with(Speed measured) {
        return new Cell(
                name,
                method,
                pattern,
                sparsity,
                values,
                perplexity,
                divergence,
                tasks,
                seconds,
                peakResidentBytes,
                bytes,
                bytesPerToken,
                Optional.of(measured));
    }

    /// Whether nothing of it was pruned.
    boolean isDense() {
        return method.equals(DENSE);
    }
}
