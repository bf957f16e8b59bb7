package org.wanda4j.cli;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.Workers;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.cli.Cells.Variant;
import org.wanda4j.compare.Cell;

/// Cells of a comparison by the workers of a cluster: one a task.
///
/// Cells of one checkpoint, packed in several types, share it, so those checkpoints are made first: one a task too. What a lost worker
/// leaves in OUT/models, another one resumes.
final class CellTasks {

    /// What a worker has of the comparisons that it was given cells of. Kept from task to task: the reference is in it.
    private static final Map<String, Variants> BY_PLAN = new ConcurrentHashMap<>();

    private final String plan;
    private final Workers workers;

    /// A cell.
    ///
    /// @param pruning empty for the model as it is
    record Task(Variant variant, Optional<Variants.Pruning> pruning) {

        private boolean sharesCheckpoint() {
            return pruning.isPresent() && variant.values().isPresent();
        }

        private Task unpacked() {
            return new Task(variant.unpacked(), pruning);
        }
    }

    /// What became of a task: a cell, or why there is none. Neither where only a checkpoint was to be made.
    record Outcome(Optional<Cell> cell, Optional<String> failure) {

        /// @throws InvalidInputException where there is none
        Cell get() {
            return cell.orElseThrow(() -> new InvalidInputException(failure.orElseThrow()));
        }
    }

    CellTasks(Variants.Plan plan, Workers workers) {
        this.plan = Json.writeLine(plan.absolute());
        this.workers = workers;
    }

    /// Runs tasks.
    ///
    /// @param done takes each with its outcome, as they come
    void run(List<Task> tasks, BiConsumer<Task, Outcome> done) {
        Set<Task> shared = new LinkedHashSet<>();
        tasks.stream().filter(Task::sharesCheckpoint).map(Task::unpacked).forEach(shared::add);
        Map<Task, Outcome> failed = new HashMap<>();
        each(
                List.copyOf(shared),
                CellTasks::prune,
                (task, outcome) -> {
                    if (outcome.failure().isPresent()) {
                        failed.put(task, outcome);
                    }
                });
        List<Task> left = new ArrayList<>();
        for (Task task : tasks) {
            Outcome failure = failed.get(task.unpacked());
            if (failure == null) {
                left.add(task);
            } else {
                done.accept(task, failure);
            }
        }
        each(left, CellTasks::measure, done);
    }

    /// What a worker does with a task.
    @FunctionalInterface
    private interface Step extends Serializable {

        Optional<Cell> apply(Variants variants, Task task);
    }

    private static Optional<Cell> prune(Variants variants, Task task) {
        variants.prune(task.variant(), task.pruning().orElseThrow());
        return Optional.empty();
    }

    private static Optional<Cell> measure(Variants variants, Task task) {
        Cell cell = variants.cell(task.variant(), task.pruning());
        if (task.pruning().isPresent() && !task.sharesCheckpoint()) {
            variants.forget(task.variant());
        }
        return Optional.of(cell);
    }

    private void each(List<Task> tasks, Step step, BiConsumer<Task, Outcome> done) {
        String shared = plan;
        workers.forEach(
                tasks.stream().map(Json::writeLine).toList(),
                (task, settings) -> Json.writeLine(run(shared, task, step, settings)),
                (number, outcome) ->
                        done.accept(tasks.get(number), Json.read(outcome, Outcome.class)));
    }

    private static Outcome run(String plan, String task, Step step, RunSettings settings) {
        Variants variants =
                BY_PLAN.computeIfAbsent(
                        plan, text -> new Variants(Json.read(text, Variants.Plan.class), settings));
        try {
            return new Outcome(step.apply(variants, Json.read(task, Task.class)), Optional.empty());
        } catch (InvalidInputException e) {
            return new Outcome(Optional.empty(), Optional.of(e.getMessage()));
        }
    }
}
