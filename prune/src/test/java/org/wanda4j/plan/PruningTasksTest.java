package org.wanda4j.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.wanda4j.calibrate.BlockPass.Round;
import org.wanda4j.method.ObsUpdate;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.plan.ClusterPlan.Size;

/// Of 6 inputs an inverse takes 144 operations, and each output 36.
class PruningTasksTest {

    private static final int INPUTS = 6;

    private static final Stage LARGE_AND_SMALL = stage(12, 6);

    @Test
    void eachLinearIsATaskThatInvertsForItself() {
        PruningTasks tasks = tasks(LARGE_AND_SMALL);
        assertEquals((144.0 + 12 * 36) / (144 + 18 * 36), tasks.share(1, new Size(2, 1)), 1e-12);
        assertEquals(1, tasks.tasks(new Size(2, 1)));
    }

    /// Threads share all but the inverse.
    @Test
    void aTaskHasAllCoresOfItsExecutorWhereThereAreFewerTasksThanCores() {
        PruningTasks tasks = tasks(LARGE_AND_SMALL);
        assertEquals(
                (2 * 144 + 18 * 36 / 4.0) / (144 + 18 * 36 / 4.0),
                tasks.share(4, new Size(1, 4)),
                1e-12);
        assertEquals(2, tasks.tasks(new Size(1, 4)));
    }

    /// On two cores: 12 and 2 beside 8 and 8, then a core has both inverses.
    @Test
    void theLongestBeginFirst() {
        PruningTasks tasks = tasks(stage(2, 8, 8, 12));
        assertEquals(
                (2 * 144 + 16.0 * 36) / (144 + 30 * 36), tasks.share(1, new Size(1, 2)), 1e-12);
    }

    @Test
    void roundsFollowEachOther() {
        PruningTasks tasks = tasks(LARGE_AND_SMALL, stage(6));
        assertEquals(2, tasks.jobs());
        assertEquals(
                (2 * 144 + 18.0 * 36) / (2 * 144 + 24 * 36), tasks.share(1, new Size(2, 1)), 1e-12);
    }

    @Test
    void whereThereAreNoneNothingChanges() {
        assertEquals(1, new PruningTasks(new ObsUpdate(), Set.of()).share(2, new Size(3, 4)));
    }

    /// A round for each stage.
    private static PruningTasks tasks(Stage... stages) {
        var linears = new HashSet<Linear>();
        Arrays.stream(stages).map(Stage::linears).forEach(linears::addAll);
        var tasks = new PruningTasks(new ObsUpdate(), linears);
        for (Stage stage : stages) {
            tasks.add(new Round(List.of(), List.of(stage)));
        }
        return tasks;
    }

    private static Stage stage(int... outputs) {
        List<Linear> linears =
                IntStream.range(0, outputs.length)
                        .mapToObj(
                                i -> Linear.of(outputs.length + "." + i, INPUTS, outputs[i], false))
                        .toList();
        return new Stage("stage", 0, 0, 0, linears);
    }
}
