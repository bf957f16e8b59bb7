package org.wanda4j.allocate;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.wanda4j.allocate.Allocation.BlockScores;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.BlockSequence;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.CalibrationWindows;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.LoadedBlock;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.StageStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.calibrate.WindowPass;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.Scores;
import org.wanda4j.method.Wanda;
import org.wanda4j.model.Linear;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.torch.Engine;

/// What an [Allocation] goes by: Wanda's scores of the dense model, block by block, in one forward, and what half of the weights are
/// worth, where it asks for Gram matrices.
public final class ScoreSurvey {

    private static final int UPPER_HALVES = 1 << 15;
    private static final double OUTLIER = 5;

    /// Scores counted by the upper half of their bits, which is their value to within 1 %.
    private final long[] counts = new long[UPPER_HALVES];

    private double sum;
    private long count;
    private double removalError;

    private ScoreSurvey() {}

    /// Measures each block.
    ///
    /// @param chosen linears that will be pruned
    /// @param needed of their inputs
    /// @param windows to measure on, embedded
    public static List<BlockScores> of(
            LayerwiseForward forward,
            CalibrationWindows windows,
            Set<Linear> chosen,
            Statistic needed,
            Progress progress) {
        List<BlockScores> scores = new ArrayList<>();
        try (BlockSequence blocks = forward.blocks()) {
            while (blocks.hasNext()) {
                try (LoadedBlock block = blocks.next()) {
                    Progress inBlock = progress.within("survey " + block.label());
                    scores.add(of(block, forward, windows, chosen, needed, inBlock));
                }
            }
        }
        return scores;
    }

    private static BlockScores of(
            LoadedBlock block,
            LayerwiseForward forward,
            CalibrationWindows windows,
            Set<Linear> chosen,
            Statistic needed,
            Progress progress) {
        var survey = new ScoreSurvey();
        WindowPass pass =
                windows.through(
                        block, CalibrationOrder.STAGE, BlockPass.Wanted.of(needed), progress);
        for (BlockPass.Round round : pass.rounds()) {
            try (StageStatistics statistics = pass.collect(round)) {
                for (var stage : statistics.stages()) {
                    for (Linear linear : stage.getKey().linears()) {
                        if (chosen.contains(linear)) {
                            TensorView weight =
                                    forward.checkpoint().map(linear.weight(), block.memory());
                            survey.add(weight, stage.getValue(), forward.engine());
                        }
                    }
                }
            }
        }
        if (!block.isLast()) {
            pass.complete();
        }
        return survey.scores();
    }

    private void add(TensorView weight, InputStatistics statistics, Engine engine) {
        add(new Wanda().score(weight, statistics));
        statistics
                .gramMatrix()
                .ifPresent(gram -> removalError += RemovalError.of(weight, gram.matrix(), engine));
    }

    private void add(Scores scores) {
        var selector = Kernels.best().selector();
        float[] row = new float[scores.columns()];
        for (int i = 0; i < scores.rows(); i++) {
            scores.row(i, row);
            selector.countUpper(row, row.length, counts);
            for (float score : row) {
                sum += score;
            }
        }
        count += (long) scores.rows() * scores.columns();
    }

    private BlockScores scores() {
        if (count == 0) {
            return new BlockScores(0, 0, 0);
        }
        int threshold = Float.floatToRawIntBits((float) (OUTLIER * sum / count)) >>> 16;
        long above = 0;
        long below = 0;
        int median = 0;
        for (int bin = 0; bin < counts.length; bin++) {
            above += bin > threshold ? counts[bin] : 0;
            if (2 * below < count) {
                median = bin;
            }
            below += counts[bin];
        }
        return new BlockScores(
                above / (double) count, Float.intBitsToFloat(median << 16), removalError);
    }
}
