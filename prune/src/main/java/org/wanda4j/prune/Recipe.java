package org.wanda4j.prune;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.model.Architecture;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.torch.ComputeType;

/// Everything that decides what a run makes of a checkpoint.
///
/// @param method name of a [Method]
/// @param pattern which shape the zeros take, and how many there are
/// @param order in which inputs are looked at and linears pruned
/// @param type in which the model is computed; the fastest on this CPU where empty
/// @param sampler how windows are taken from the calibration text
/// @param windows how many
/// @param seqlen tokens of each; [Recipe#LONGEST_WINDOW] or what the model can take where empty
/// @param seed of the sampler
/// @param skip patterns (glob) of the names of linears that stay dense
/// @param only patterns of the names of linears to prune; all where empty
public record Recipe(
        String method,
        SparsityPattern pattern,
        CalibrationOrder order,
        Optional<ComputeType> type,
        CalibrationSampler sampler,
        int windows,
        OptionalInt seqlen,
        long seed,
        List<String> skip,
        List<String> only) {

    /// Tokens of a calibration window, where neither the user nor the model asks for fewer.
    public static final int LONGEST_WINDOW = 512;

    /// Wanda at 50 %, on 128 packed windows.
    public static final Recipe DEFAULT =
            new Recipe(
                    "wanda",
                    new SparsityPattern.Unstructured(0.5),
                    CalibrationOrder.STAGE,
                    Optional.empty(),
                    CalibrationSampler.PACKED,
                    128,
                    OptionalInt.empty(),
                    0,
                    List.of(),
                    List.of());

    /// Copies the lists.
    public Recipe {
        skip = List.copyOf(skip);
        only = List.copyOf(only);
    }

    /// This recipe with nothing left open, for a model.
    Recipe resolve(Architecture architecture) {
        int length = seqlen.orElse(Math.min(LONGEST_WINDOW, architecture.positions()));
        ComputeType resolved = type.orElseGet(ComputeType::fastest);
        return new Recipe(
                method,
                pattern,
                order,
                Optional.of(resolved),
                sampler,
                windows,
                OptionalInt.of(length),
                seed,
                skip,
                only);
    }

    /// This recipe by another method.
    public Recipe withMethod(String name) {
        return new Recipe(name, pattern, order, type, sampler, windows, seqlen, seed, skip, only);
    }

    /// This recipe with other zeros.
    public Recipe withPattern(SparsityPattern other) {
        return new Recipe(method, other, order, type, sampler, windows, seqlen, seed, skip, only);
    }

    /// This recipe in another order.
    public Recipe withOrder(CalibrationOrder other) {
        return new Recipe(method, pattern, other, type, sampler, windows, seqlen, seed, skip, only);
    }

    /// This recipe computed in another type.
    public Recipe withType(ComputeType other) {
        return new Recipe(
                method,
                pattern,
                order,
                Optional.of(other),
                sampler,
                windows,
                seqlen,
                seed,
                skip,
                only);
    }

    /// This recipe with other calibration windows.
    public Recipe withCalibration(CalibrationSampler other, int count, int length, long number) {
        return new Recipe(
                method,
                pattern,
                order,
                type,
                other,
                count,
                OptionalInt.of(length),
                number,
                skip,
                only);
    }

    /// This recipe for some of the linears.
    public Recipe withLinears(List<String> skipped, List<String> chosen) {
        return new Recipe(
                method, pattern, order, type, sampler, windows, seqlen, seed, skipped, chosen);
    }
}
