package org.wanda4j.plan;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.FreeSpace;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.prune.Recipe;
import org.wanda4j.recover.Recovery;
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
/// @param order of calibration
/// @param dtype that is computed in
/// @param windows of calibration text
/// @param seqlen tokens of each
/// @param threads that compute
/// @param workload what is to be done
/// @param rates units of each kind of work a second, all threads together, as measured here
/// @param memory at the peak
/// @param phases predicted seconds
/// @param seconds in all
/// @param peakResidentBytes most memory that the process will have resident, mapped files included
/// @param diskBytes that must be free where the output goes: for that, and for activations that lie in a file
/// @param memoryBytes of this machine
/// @param freeDiskBytes where the output goes
/// @param recovery of the whole model afterwards, where it is asked for
/// @param cluster that runs the windows, where it is asked for; the rest is about a run without it
/// @param card that runs and prunes, likewise
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
        Map<Work, Double> rates,
        Memory memory,
        Map<String, Double> phases,
        double seconds,
        long peakResidentBytes,
        long diskBytes,
        long memoryBytes,
        long freeDiskBytes,
        Optional<RecoveryPlan> recovery,
        Optional<ClusterPlan> cluster,
        Optional<CardPlan> card) {

    /// Text that the model writes first.
    ///
    /// @param tokens of it
    /// @param rate tokens a second here; 0 where there are no weights to measure it with
    public record Writing(long tokens, double rate) {

        /// A run on a text that is there.
        public static final Writing NONE = new Writing(0, 0);
    }

    /// Counts the work and measures this machine, which takes some seconds.
    ///
    /// @param recovery of the whole model afterwards
    /// @param text that windows will be taken from, or one like it
    /// @param writing of the text, where that is not there yet
    /// @param disk a directory on the disk that the output will go to
    /// @param cluster that is to run the windows
    /// @param card that is to run and to prune
    /// @throws InvalidInputException when the recipe does not go with the model
    public static RunPlan of(
            ModelFootprint model,
            Recipe asked,
            Optional<Recovery> recovery,
            Corpus text,
            Writing writing,
            Path disk,
            RunSettings settings,
            Optional<ClusterPlan.Size> cluster,
            Optional<CardRates> card) {
        Recipe recipe = asked.resolve(model.architecture());
        Workload workload = Workload.of(model, recipe);
        workload.work().put(Work.TEXT, (double) writing.tokens());
        var tokenizing =
                recipe.needsCalibration()
                        ? MachineProbe.tokenizing(model.directory(), text)
                        : MachineProbe.Tokenizing.NONE;
        double read = model.shard().map(MachineProbe::read).orElse(0.0);
        double written = MachineProbe.write(disk);
        CostBenchmark.Costs costs = CostBenchmark.of(model, recipe, settings, disk);
        Map<Work, Double> rates = costs.rates();
        rates.put(Work.TEXT, writing.rate());
        rates.put(Work.TOKENIZE, tokenizing.rate());
        // By one thread beside the others, which have to make room for it.
        rates.put(Work.HASH, read * settings.threads());
        rates.put(Work.WRITE, written);
        Map<String, Double> phases = new LinkedHashMap<>();
        phases.put("start", costs.startSeconds());
        phases.put(Work.TEXT.phase(), 0.0);
        phases.put(Work.TOKENIZE.phase(), tokenizing.openSeconds());
        workload.work()
                .forEach((work, amount) ->
                        phases.merge(
                                work.phase(),
                                seconds(amount, rates.getOrDefault(work, 0.0)),
                                Double::sum));
        Optional<ClusterPlan> spread =
                cluster.map(
                        size -> ClusterPlan.of(model, recipe, phases, settings.threads(), size));
        Memory memory = Memory.of(model, recipe, settings, costs);
        Optional<RecoveryPlan> recovering =
                recovery.map(it -> it.after(sum(phases)))
                        .map(it -> RecoveryPlan.of(model, it, settings, disk));
        recovering.ifPresent(it -> phases.put("recover", it.seconds()));
        long recoveringBytes = recovering.map(it -> costs.programBytes() + it.bytes()).orElse(0L);
        // The pruned model lies beside the output meanwhile.
        long recoveringDisk =
                recovering.map(it -> model.outputBytes() + it.keptOnDisk()).orElse(0L);
        return new RunPlan(
                model.directory().toString(),
                model.shard().isPresent(),
                model.parameters(),
                model.bytes(),
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
                memory,
                phases,
                sum(phases),
                Math.max(memory.peak(), recoveringBytes),
                model.outputBytes()
                        + Math.max(
                                memory.activationsInFile() ? memory.activations() : 0,
                                recoveringDisk),
                RunSettings.physicalMemory(),
                FreeSpace.of(disk),
                recovering,
                spread,
                card.map(it -> CardPlan.of(model, recipe, it)));
    }

    private static double sum(Map<String, Double> phases) {
        return phases.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    private static double seconds(double amount, double rate) {
        return rate > 0 ? amount / rate : 0;
    }
}
