package org.wanda4j.plan;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.prune.Recipe;

/// What a run does, in units that do not depend on how fast a machine is.
///
/// @param parameters weights to be pruned
/// @param blocks of the model
/// @param tokens of all calibration windows; 0 where none are run
/// @param work of the whole run
public record Workload(long parameters, int blocks, long tokens, Map<Work, Double> work) {

    /// Counts a run.
    ///
    /// @param recipe with nothing left open
    public static Workload of(ModelFootprint model, Recipe recipe) {
        Set<Linear> chosen = recipe.linears(model.architecture());
        List<Block> blocks = model.architecture().blocks();
        int windows = recipe.needsCalibration() ? recipe.sampling().windows() : 0;
        int length = recipe.sampling().seqlen().orElseThrow();
        Map<Work, Double> work = new EnumMap<>(Work.class);
        for (Work kind : Work.values()) {
            work.put(kind, 0.0);
        }
        var count = new BlockCount(recipe, chosen::contains, windows, length, work);
        for (int i = 0; i < blocks.size(); i++) {
            Block block = blocks.get(i);
            count.add(block, i == blocks.size() - 1);
            if (recipe.allocation() != Allocation.UNIFORM) {
                count.addSurvey(block);
            }
        }
        long tokens = (long) windows * length;
        work.put(Work.TOKENIZE, (double) tokens);
        work.put(Work.HASH, (double) model.bytes());
        work.put(Work.WRITE, (double) model.outputBytes());
        return new Workload(
                chosen.stream().mapToLong(Linear::weights).sum(), blocks.size(), tokens, work);
    }
}
