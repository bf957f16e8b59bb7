package org.wanda4j.plan;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.BlockPass.Round;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.calibrate.WindowParts;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.method.Method;
import org.wanda4j.method.Methods;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.prune.Recipe;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.TorchBlock;

/// What a run will take whose windows are run by a Spark cluster of machines like this one. Serialised as it stands: `docs/json.md`
/// documents the fields.
///
/// @param workers machines
/// @param cores of each
/// @param parts that the windows are cut into
/// @param phases predicted seconds
/// @param seconds in all
/// @param networkBytes by what is sent
/// @param curve seconds of the same run with 1, 2, 4, ... 64 workers
/// @param enoughWorkers the fewest of the curve of which twice as many save less than a tenth
public record ClusterPlan(
        int workers,
        int cores,
        int parts,
        Map<String, Double> phases,
        double seconds,
        Map<String, Double> networkBytes,
        Map<Integer, Double> curve,
        int enoughWorkers) {

    /// Bytes a second of every machine's link, and of that to the path which all see: 10 Gbit/s.
    private static final double LINK = 1.25e9;

    /// Seconds until an application has its executors.
    private static final double START_SECONDS = 10;

    /// Seconds of the driver for a job besides its tasks.
    private static final double JOB_SECONDS = 0.06;

    /// Seconds of a core for a task besides what a local run does.
    private static final double TASK_SECONDS = 0.044;

    private static final int MOST_WORKERS = 64;
    private static final double WORTH = 0.9;

    /// The phases that the executors share.
    private static final List<String> SHARED =
            List.of("linears", "attention", "activations", "statistics");

    /// How many machines there are.
    ///
    /// @param workers machines
    /// @param cores of each
    public record Size(int workers, int cores) {

        /// Checks the ranges.
        ///
        /// @throws InvalidInputException when one is left
        public Size {
            if (workers < 1 || cores < 1) {
                throw new InvalidInputException("--workers and --cores must be at least 1");
            }
        }

        Size of(int others) {
            return new Size(others, cores);
        }
    }

    /// Spreads the windows of a run.
    ///
    /// @param recipe with nothing left open
    /// @param local phases of the run in one process, in seconds
    /// @param threads that they were predicted for
    static ClusterPlan of(
            ModelFootprint model,
            Recipe recipe,
            Map<String, Double> local,
            int threads,
            Size size) {
        var counts = new Counts(model, recipe);
        Map<Integer, Double> curve = new LinkedHashMap<>();
        for (int workers = 1; workers <= MOST_WORKERS; workers *= 2) {
            curve.put(workers, sum(counts.phases(local, threads, size.of(workers))));
        }
        int enough = 1;
        while (enough < MOST_WORKERS && curve.get(2 * enough) < WORTH * curve.get(enough)) {
            enough *= 2;
        }
        Map<String, Double> phases = counts.phases(local, threads, size);
        return new ClusterPlan(
                size.workers(),
                size.cores(),
                counts.parts,
                phases,
                sum(phases),
                counts.networkBytes(size),
                curve,
                enough);
    }

    private static double sum(Map<String, Double> phases) {
        return phases.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    /// What the cluster has to do, whatever its size.
    private static final class Counts {

        private final ModelFootprint model;
        private final List<Block> blocks;
        private final int parts;
        private final double hiddenBytes;
        private final double newWeightBytes;
        private final double squareBytes;
        private final double gramBytes;
        private final double sentGramBytes;
        private final double prunedBytes;
        private final int passes;
        private final double loads;
        private final PruningTasks pruning;

        Counts(ModelFootprint model, Recipe recipe) {
            this.model = model;
            this.blocks = model.architecture().blocks();
            int windows = recipe.sampling().windows();
            ComputeType type = recipe.type().orElseThrow();
            var layout =
                    new ActivationStore.Layout(
                            windows,
                            recipe.sampling().seqlen().orElseThrow(),
                            model.architecture().hidden(),
                            TorchBlock.stageWidth(model.architecture()),
                            recipe.order().keepsStages(),
                            type);
            this.parts = WindowParts.count(layout, Optional.empty());
            this.hiddenBytes = layout.hiddenBytes();
            Method method = Methods.named(recipe.method());
            Statistic needed = method.needs();
            Set<Linear> chosen = recipe.linears(model.architecture());
            this.pruning = new PruningTasks(method.update(), chosen);
            var wanted = BlockPass.Wanted.of(needed);
            double squares = 0;
            double gram = 0;
            double sentGram = 0;
            double weights = 0;
            int rounds = 0;
            for (Block block : blocks) {
                for (Round round :
                        BlockPass.rounds(recipe.order(), block.steps(), wanted, windows, 1)) {
                    rounds++;
                    if (needed == Statistic.GRAM) {
                        pruning.add(round);
                    }
                }
                weights += block.linears().stream().mapToDouble(it -> it.weights()).sum();
                for (Stage stage : block.stages()) {
                    double width = stage.width();
                    squares += windows * width * Float.BYTES;
                    double half =
                            needed == Statistic.GRAM ? width * (width + 1) / 2 * Float.BYTES : 0;
                    gram += half;
                    sentGram += half * stage.linears().stream().filter(chosen::contains).count();
                }
            }
            this.newWeightBytes = weights * type.bytes();
            this.squareBytes = squares;
            this.gramBytes = gram;
            this.sentGramBytes = sentGram;
            this.prunedBytes = pruning.weights() * (type.bytes() + 1.0 / Byte.SIZE);
            this.passes = rounds + blocks.size() - 1;
            this.loads = (double) passes / blocks.size();
        }

        Map<String, Double> networkBytes(Size size) {
            Map<String, Double> bytes = new LinkedHashMap<>();
            bytes.put("weights", (double) model.bytes() * size.workers());
            bytes.put("newWeights", newWeightBytes * size.workers());
            bytes.put("states", 2 * hiddenBytes * (blocks.size() - 1));
            bytes.put("squares", squareBytes);
            bytes.put("gram", gramBytes * (parts + 1) + sentGramBytes);
            bytes.put("pruned", prunedBytes);
            return bytes;
        }

        Map<String, Double> phases(Map<String, Double> local, int threads, Size size) {
            Map<String, Double> phases = new LinkedHashMap<>();
            local.forEach((phase, seconds) -> {
                if (SHARED.contains(phase)) {
                    phases.put(phase, seconds * threads * shareOf(size));
                } else if (phase.equals("load")) {
                    phases.put(phase, seconds * loads);
                } else if (phase.equals("select")) {
                    phases.put(phase, seconds * pruning.share(threads, size));
                } else {
                    phases.put(phase, seconds);
                }
            });
            phases.put(
                    "cluster",
                    START_SECONDS
                            + (passes + pruning.jobs()) * JOB_SECONDS
                            + (passes * tasksOf(size) + pruning.tasks(size)) * TASK_SECONDS);
            Map<String, Double> bytes = networkBytes(size);
            phases.put("weights", bytes.get("weights") / LINK);
            // To the first executors by the driver, to the others by those.
            phases.put("broadcast", (2 * (newWeightBytes + gramBytes) + prunedBytes) / LINK);
            phases.put("states", bytes.get("states") / LINK);
            phases.put(
                    "sums",
                    (squareBytes + gramBytes) / LINK + gramBytes * parts / (LINK * size.workers()));
            return phases;
        }

        /// What of the windows the busiest core runs.
        private double shareOf(Size size) {
            return (double) tasksOf(size) / parts;
        }

        /// Tasks of the busiest core, in a job.
        private int tasksOf(Size size) {
            return Math.ceilDiv(parts, size.workers() * size.cores());
        }
    }
}
