package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.StageStatistics;
import org.wanda4j.calibrate.Workers;
import org.wanda4j.calibrate.Workers.Shared;
import org.wanda4j.method.PrunedLinear;
import org.wanda4j.method.WeightUpdate;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;

/// What the workers of a cluster made of linears of a round, each a task.
///
/// @param linears those that they pruned
/// @param damping of Gram matrices that had to be damped more than usual
record PrunedAhead(Map<Linear, PrunedLinear> linears, Map<Stage, Double> damping) {

    /// Nothing, where one process does all.
    static final PrunedAhead NOTHING = new PrunedAhead(Map.of(), Map.of());

    private record Member(Stage stage, Linear linear) {

        double operations(WeightUpdate update) {
            return update.sharedOperations(linear.inputs())
                    + update.operations(linear.outputs(), linear.inputs());
        }
    }

    /// Prunes the linears of a round, but those of experts that saw no token. The ones that take longest begin first.
    ///
    /// @param statistics of the round's stages, each sent to those who prune its linears
    /// @param memory that outlives the result
    static PrunedAhead by(
            Workers workers, LinearPruner pruner, StageStatistics statistics, Arena memory) {
        Map<Stage, Shared<InputStatistics.Copy>> inputs = new HashMap<>();
        List<Member> members = new ArrayList<>();
        statistics
                .byStage()
                .forEach((stage, ofStage) -> {
                    List<Linear> chosen = stage.linears().stream().filter(pruner::prunes).toList();
                    if (!chosen.isEmpty() && ofStage.tokens() > 0) {
                        pruner.checkFinite(chosen.getFirst(), ofStage);
                        inputs.put(stage, workers.share(ofStage.copy()));
                        chosen.forEach(linear -> members.add(new Member(stage, linear)));
                    }
                });
        WeightUpdate update = pruner.method().update();
        members.sort(Comparator.<Member>comparingDouble(it -> it.operations(update)).reversed());
        List<LinearTask> tasks =
                members.stream()
                        .map(it -> pruner.task(it.linear(), inputs.get(it.stage())))
                        .toList();
        PrunedAhead ahead = run(workers, members, tasks, memory);
        inputs.values().forEach(Shared::close);
        return ahead;
    }

    private static PrunedAhead run(
            Workers workers, List<Member> members, List<LinearTask> tasks, Arena memory) {
        if (tasks.isEmpty()) {
            return NOTHING;
        }
        var ahead = new PrunedAhead(new HashMap<>(), new HashMap<>());
        workers.forEachWide(
                tasks,
                LinearTask::prune,
                (number, result) -> {
                    Member member = members.get(number);
                    ahead.linears.put(member.linear(), result.pruned(memory));
                    if (result.hardened() > 0) {
                        ahead.damping.put(member.stage(), result.hardened());
                    }
                });
        return ahead;
    }

    Optional<PrunedLinear> of(Linear linear) {
        return Optional.ofNullable(linears.get(linear));
    }

    Optional<Double> damping(Stage stage) {
        return Optional.ofNullable(damping.get(stage));
    }
}
