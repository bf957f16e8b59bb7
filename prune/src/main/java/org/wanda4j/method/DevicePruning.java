package org.wanda4j.method;

import java.util.Optional;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.DeviceLinear;
import org.wanda4j.torch.DeviceLinear.Choice;

/// A [Method] on a device: its importance, selection and update, each by [DeviceLinear].
final class DevicePruning {

    private final Method method;
    private final PruneTask task;
    private final DeviceLinear linear;

    private DevicePruning(Method method, PruneTask task, DeviceLinear linear) {
        this.method = method;
        this.task = task;
        this.linear = linear;
    }

    /// Whether there are operations for all that a method does.
    static boolean does(Method method) {
        boolean scores =
                method.importance() instanceof ColumnImportance
                        || method.importance() instanceof Ria;
        boolean chooses =
                method.selection().equals(Selection.ROW)
                        || method.selection().equals(Selection.LAYER);
        boolean updates =
                switch (method.update()) {
                    case NoUpdate _, ObsUpdate _, Admm _ -> true;
                    case SparseGpt _ ->
                            method.importance() instanceof ColumnImportance
                                    && method.selection().equals(Selection.LAYER);
                    default -> false;
                };
        return scores && chooses && updates;
    }

    /// Prunes by a method that it does.
    ///
    /// @throws ArithmeticException when the statistics do not determine the update
    static PrunedLinear prune(Method method, PruneTask task, Device device) {
        try (var linear = new DeviceLinear(task.weight(), device)) {
            return new DevicePruning(method, task, linear).prune();
        }
    }

    private PrunedLinear prune() {
        switch (method.update()) {
            case NoUpdate update -> {
                choose();
                var mask = linear.mask();
                return new PrunedLinear(update.apply(task, mask), mask);
            }
            case ObsUpdate _ -> {
                choose();
                linear.update(task.statistics().gram());
            }
            case SparseGpt _ ->
                    linear.chooseAndUpdate(
                            task.statistics().gram(), byColumn(), choice(task.pattern()));
            case Admm admm ->
                    linear.alternate(
                            task.statistics().gram(),
                            admm.damping(),
                            admm.rounds(),
                            admm.growing(),
                            round -> choice(admm.patternOf(round, task.pattern())));
            default -> throw new IllegalArgumentException(method.name());
        }
        return new PrunedLinear(updated(), linear.mask());
    }

    private void choose() {
        Optional<Choice> choice = choice(task.pattern());
        if (choice.isPresent()) {
            if (method.importance() instanceof Ria) {
                linear.chooseRelative(task.statistics().norms(), choice.get());
            } else {
                linear.choose(byColumn(), choice.get());
            }
        }
    }

    private float[] byColumn() {
        InputStatistics statistics = task.statistics();
        return ((ColumnImportance) method.importance())
                .columns(statistics, task.weight().columns());
    }

    /// Empty where nothing is removed.
    private Optional<Choice> choice(SparsityPattern pattern) {
        return switch (pattern) {
            case NofM(int n, int m) -> Optional.of(new Choice.OfRuns(n, m));
            case Unstructured(double sparsity) when sparsity == 0 -> Optional.empty();
            case Unstructured(double sparsity) ->
                    Optional.of(
                            method.selection().equals(Selection.ROW)
                                    ? new Choice.OfRows((int) (task.weight().columns() * sparsity))
                                    : new Choice.OfMatrix(sparsity));
        };
    }

    private TensorView updated() {
        if (!linear.isFinite()) {
            throw new ArithmeticException("the update gave weights that are not finite");
        }
        TensorView result = task.allocate(task.type());
        linear.storeIn(result);
        return result;
    }
}
