package org.wanda4j.method;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;

/// SparseGPT (Frantar & Alistarh, 2023): the update of [ObsUpdate], by which the scores of the columns to the right change
/// before they are compared. An unstructured panel of 128 columns is chosen at its start, over all rows; a run of N:M
/// at its first column.
///
/// The importance is of the form `|W_ij| * c_j`: for the method as published, [Obs].
public record SparseGpt() implements IterativeUpdate {

    private static final ObsUpdate UPDATE = new ObsUpdate();

    @Override
    public Statistic needs() {
        return UPDATE.needs();
    }

    @Override
    public String cost() {
        return UPDATE.cost();
    }

    @Override
    public double sharedOperations(long inputs) {
        return UPDATE.sharedOperations(inputs);
    }

    @Override
    public double operations(long outputs, long inputs) {
        return UPDATE.operations(outputs, inputs);
    }

    @Override
    public PrunedLinear prune(PruneTask task, Importance importance, Selection selection) {
        float[] byColumn = byColumn(importance, task);
        Mask mask = new Mask(task.weight().rows(), task.weight().columns());
        try (Arena scratch = Arena.ofShared()) {
            ObsSweep sweep = ObsSweep.pruning(task, scratch);
            sweep.forEachPanel((from, count) -> {
                float[] ofPanel = Arrays.copyOfRange(byColumn, from, from + count);
                switch (task.pattern()) {
                    case Unstructured pattern -> {
                        var scores = new MatrixScores(sweep.weights(from, count), ofPanel);
                        mark(mask, from, selection.select(scores, pattern, task.threads()));
                        sweep.remove(from, count, mask);
                    }
                    case NofM runs -> sweep.remove(from, count, runs, ofPanel, mask);
                }
            });
            return new PrunedLinear(task.updated(sweep.weights()), mask);
        }
    }

    /// Adds what is removed of the panel from `from` on to the mask.
    private static void mark(Mask mask, int from, Mask ofPanel) {
        for (int row = 0; row < ofPanel.rows(); row++) {
            for (int j = 0; j < ofPanel.columns(); j++) {
                if (ofPanel.get(row, j)) {
                    mask.set(row, from + j);
                }
            }
        }
    }

    private static float[] byColumn(Importance importance, PruneTask task) {
        if (importance instanceof ColumnImportance byColumn) {
            return byColumn.columns(task.statistics(), task.weight().columns());
        }
        throw new IllegalArgumentException(
                "weights are chosen during a sweep by an importance of the form |W_ij| * c_j");
    }
}
