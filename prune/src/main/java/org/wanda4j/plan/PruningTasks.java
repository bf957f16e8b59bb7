package org.wanda4j.plan;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import org.wanda4j.calibrate.BlockPass.Round;
import org.wanda4j.method.WeightUpdate;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.plan.ClusterPlan.Size;

/// Linears that executors prune, each a task: in each round the longest first, and with all cores of an executor where there are
/// fewer linears than cores.
final class PruningTasks {

    private final WeightUpdate update;
    private final Set<Linear> chosen;
    private final List<List<Linear>> rounds = new ArrayList<>();
    private double shared;
    private double own;

    /// @param chosen that are pruned
    PruningTasks(WeightUpdate update, Set<Linear> chosen) {
        this.update = update;
        this.chosen = chosen;
    }

    void add(Round round) {
        List<Linear> linears = new ArrayList<>();
        for (Stage stage : round.stages()) {
            List<Linear> ofStage = stage.linears().stream().filter(chosen::contains).toList();
            shared += ofStage.isEmpty() ? 0 : update.sharedOperations(stage.width());
            linears.addAll(ofStage);
        }
        linears.forEach(linear -> own += operations(linear));
        linears.sort(Comparator.comparingDouble((Linear linear) -> time(linear, 1)).reversed());
        if (!linears.isEmpty()) {
            rounds.add(linears);
        }
    }

    int jobs() {
        return rounds.size();
    }

    /// How many tasks the busiest core runs, in all jobs.
    int tasks(Size size) {
        return rounds.stream()
                .mapToInt(round -> Math.ceilDiv(round.size(), slots(round, size)))
                .sum();
    }

    double weights() {
        return rounds.stream().flatMap(List::stream).mapToDouble(Linear::weights).sum();
    }

    /// Their time as a share of that in one process; 1 where there are none. What the linears of a stage share is the work of one
    /// thread: one process does it once, a cluster once for each linear.
    ///
    /// @param threads of the one process
    double share(int threads, Size size) {
        return rounds.isEmpty()
                ? 1
                : rounds.stream().mapToDouble(round -> time(round, size)).sum()
                        / (shared + own / threads);
    }

    private double time(List<Linear> round, Size size) {
        int cores = isWide(round, size) ? size.cores() : 1;
        var busy = new PriorityQueue<>(Collections.nCopies(slots(round, size), 0.0));
        double end = 0;
        for (Linear linear : round) {
            double done = busy.remove() + time(linear, cores);
            busy.add(done);
            end = Math.max(end, done);
        }
        return end;
    }

    private static int slots(List<Linear> round, Size size) {
        return isWide(round, size) ? size.workers() : size.workers() * size.cores();
    }

    private static boolean isWide(List<Linear> round, Size size) {
        return round.size() < size.workers() * size.cores();
    }

    /// In operations of one core.
    private double time(Linear linear, int cores) {
        return update.sharedOperations(linear.inputs()) + operations(linear) / cores;
    }

    private double operations(Linear linear) {
        return update.operations(linear.outputs(), linear.inputs());
    }
}
