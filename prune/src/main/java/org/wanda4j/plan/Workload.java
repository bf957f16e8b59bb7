package org.wanda4j.plan;

import java.util.List;
import java.util.Set;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.prune.Recipe;

/// What a run does, in units that do not depend on how fast a machine is.
///
/// @param parameters weights to be pruned
/// @param blocks of the model
/// @param tokens of all calibration windows; 0 where none are run
/// @param operations of the whole run
/// @param traffic with files
/// @param memory at its peak
public record Workload(
        long parameters,
        int blocks,
        long tokens,
        Operations operations,
        Traffic traffic,
        Memory memory) {

    /// Counts of a run. A multiplication and an addition are two operations.
    ///
    /// @param forward operations of linears
    /// @param attention operations of heads: scores of queries and keys, and what they mix
    /// @param activations values that norms, sums and activation functions pass over
    /// @param measured values whose squares are summed up
    /// @param gram operations of products of input channels
    /// @param shared operations that the linears of a stage share: factors and inverses
    /// @param update operations that give new values to what stays
    /// @param chosen weights that are scored and chosen from, each time that they are
    /// @param loaded weights that are brought into the type that is computed in
    /// @param tuning operations of training what survives, forward and back
    public record Operations(
            double forward,
            double attention,
            double activations,
            double measured,
            double gram,
            double shared,
            double update,
            double chosen,
            double loaded,
            double tuning) {

        static final Operations NONE = new Operations(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

        Operations plus(Operations other) {
            return new Operations(
                    forward + other.forward,
                    attention + other.attention,
                    activations + other.activations,
                    measured + other.measured,
                    gram + other.gram,
                    shared + other.shared,
                    update + other.update,
                    chosen + other.chosen,
                    loaded + other.loaded,
                    tuning + other.tuning);
        }
    }

    /// Bytes of files.
    ///
    /// @param read of weights, and once more for their digest
    /// @param written to the output
    /// @param disk that must be free: the output, and the activation store where it is a file
    public record Traffic(long read, long written, long disk) {}

    /// Bytes at the peak, besides what the program takes by itself.
    ///
    /// @param activations the activation store
    /// @param activationsInFile whether it is a mapped file: then it counts as page cache and can leave memory
    /// @param embedding rows of the table that are looked up, mapped; before the first block
    /// @param mapped a block's weights as they lie in their file
    /// @param weights copies of a block's weights: converted, and pruned
    /// @param threads what all threads compute with at a time
    /// @param statistics Gram matrices and what is made of them
    /// @param update copies that a weight update works on, or what training holds
    public record Memory(
            long activations,
            boolean activationsInFile,
            long embedding,
            long mapped,
            long weights,
            long threads,
            long statistics,
            long update) {

        /// All of it that is there at once.
        public long peak() {
            long block = mapped + weights + statistics + Math.max(threads, update);
            return activations + Math.max(embedding, block);
        }

        /// The part of [#peak()] that the system may drop and read again.
        public long pageCache() {
            return (activationsInFile ? activations : 0) + mapped;
        }
    }

    /// Counts a run.
    ///
    /// @param recipe with nothing left open
    public static Workload of(Subject subject, Recipe recipe, RunSettings settings) {
        Set<Linear> chosen = recipe.linears(subject.architecture());
        Recipe.Sampling sampling = recipe.sampling();
        long tokens =
                recipe.needsCalibration()
                        ? (long) sampling.windows() * sampling.seqlen().orElseThrow()
                        : 0;
        List<Block> blocks = subject.architecture().blocks();
        Memory memory = new MemoryCount(subject, recipe, settings, chosen, tokens).count();
        return new Workload(
                chosen.stream().mapToLong(Workload::weights).sum(),
                blocks.size(),
                tokens,
                new OperationCount(recipe, chosen, tokens).of(blocks),
                new Traffic(
                        2 * subject.bytes(),
                        subject.bytes(),
                        subject.bytes() + (memory.activationsInFile() ? memory.activations() : 0)),
                memory);
    }

    /// Weights of a linear.
    static long weights(Linear linear) {
        return (long) linear.inputs() * linear.outputs();
    }

    /// Weights of linears.
    static long weights(List<Linear> linears) {
        return linears.stream().mapToLong(Workload::weights).sum();
    }
}
