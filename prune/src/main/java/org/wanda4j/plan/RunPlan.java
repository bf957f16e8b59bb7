package org.wanda4j.plan;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.prune.Recipe;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.Corpus;

/// What a run will take on this machine. Serialised as it stands: `docs/json.md` documents the fields.
///
/// @param model directory
/// @param weightsPresent whether there is more than a `config.json`
/// @param parameters of the model
/// @param modelBytes of its weights
/// @param method name of the method
/// @param pattern `unstructured` or N:M
/// @param sparsity to be reached
/// @param order in which inputs are looked at
/// @param dtype that is computed in
/// @param windows of calibration text
/// @param seqlen tokens of each
/// @param threads that compute
/// @param workload what is to be done
/// @param rates how fast that is here
/// @param phases predicted seconds
/// @param seconds in all
/// @param peakResidentBytes most memory that the process will have resident, mapped files included
/// @param memoryBytes of this machine
/// @param freeDiskBytes where the output goes
public record RunPlan(
        String model,
        boolean weightsPresent,
        long parameters,
        long modelBytes,
        String method,
        String pattern,
        double sparsity,
        String order,
        String dtype,
        int windows,
        int seqlen,
        int threads,
        Workload workload,
        Rates rates,
        Map<String, Double> phases,
        double seconds,
        long peakResidentBytes,
        long memoryBytes,
        long freeDiskBytes) {

    /// Counts the work and measures this machine, which takes some seconds.
    ///
    /// @param text that windows will be taken from
    /// @param disk a directory on the disk that the output will go to
    /// @throws InvalidInputException when the recipe does not go with the model
    public static RunPlan of(
            Subject subject, Recipe asked, Corpus text, Path disk, RunSettings settings) {
        Recipe recipe = asked.resolve(subject.architecture());
        Workload workload = Workload.of(subject, recipe, settings);
        Rates rates = Rehearsal.of(subject, recipe, text, disk, settings);
        Map<String, Double> phases = seconds(workload, rates, settings.threads());
        return new RunPlan(
                subject.directory().toString(),
                subject.shard().isPresent(),
                subject.parameters(),
                subject.bytes(),
                recipe.method(),
                recipe.pattern() instanceof SparsityPattern.NofM pattern
                        ? pattern.toString()
                        : "unstructured",
                recipe.pattern().sparsity(),
                recipe.order().toString(),
                recipe.type().orElseThrow().toString(),
                recipe.sampling().windows(),
                recipe.sampling().seqlen().orElseThrow(),
                settings.threads(),
                workload,
                rates,
                phases,
                phases.values().stream().mapToDouble(Double::doubleValue).sum(),
                rates.programBytes() + workload.memory().peak(),
                RunSettings.physicalMemory(),
                Surroundings.freeBytes(disk));
    }

    /// Work by rate. The digest of the model is made beside the rest, by a thread that the others have to make room for.
    static Map<String, Double> seconds(Workload workload, Rates rates, int threads) {
        Workload.Operations work = workload.operations();
        Map<String, Double> seconds = new LinkedHashMap<>();
        seconds.put("start", rates.startSeconds());
        seconds.put(
                "tokenize",
                workload.tokens() == 0
                        ? 0
                        : rates.tokenizerSeconds()
                                + over((double) workload.tokens(), rates.tokens()));
        seconds.put("load", over(work.loaded(), rates.loaded()));
        seconds.put("linears", over(work.forward(), rates.linears()));
        seconds.put("attention", over(work.attention(), rates.attention()));
        seconds.put("activations", over(work.activations(), rates.activations()));
        seconds.put(
                "statistics",
                over(work.measured(), rates.measured()) + over(work.gram(), rates.gram()));
        seconds.put(
                "select",
                over(work.chosen(), rates.chosen())
                        + over(work.shared(), rates.shared())
                        + over(work.update(), rates.update()));
        seconds.put("tune", over(work.tuning(), rates.tuning()));
        seconds.put("hash", over(workload.traffic().read() / 2.0, rates.read()) / threads);
        seconds.put("write", over((double) workload.traffic().written(), rates.written()));
        return seconds;
    }

    private static double over(double work, double rate) {
        return rate > 0 ? work / rate : 0;
    }
}
