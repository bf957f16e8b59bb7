package org.wanda4j.allocate;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.wanda4j.allocate.Allocation.BlockScores;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Decoding;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.Scores;
import org.wanda4j.method.Wanda;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.torch.Engine;

/// Wanda's scores of the dense model, block by block, in one forward: what an [Allocation] goes by.
public final class ScoreSurvey {

    private static final int UPPER_HALVES = 1 << 15;
    private static final double OUTLIER = 5;

    /// Scores counted by the upper half of their bits, which is their value to within 1 %.
    private final long[] counts = new long[UPPER_HALVES];

    private double sum;
    private long count;

    private ScoreSurvey() {}

    /// Measures each block.
    ///
    /// @param chosen linears that will be pruned
    /// @param decoding of the windows to measure on, at the first block; at the last one afterwards
    public static List<BlockScores> of(
            Architecture architecture,
            Collection<Linear> chosen,
            Engine engine,
            Decoding decoding,
            Progress progress) {
        List<BlockScores> blocks = new ArrayList<>();
        int all = architecture.blocks().size();
        decoding.forEachBlock((index, block, memory) -> {
            ScoreSurvey survey = new ScoreSurvey();
            Progress inBlock = progress.within("survey block " + (index + 1) + "/" + all);
            var pass =
                    new BlockPass(engine, block, decoding.store(), Statistic.INPUT_NORMS, inBlock);
            CalibrationOrder.STAGE.run(
                    pass,
                    index == all - 1,
                    (stage, statistics) -> {
                        for (Linear linear : stage.linears()) {
                            if (chosen.contains(linear)) {
                                TensorView weight = decoding.map(linear.weight(), memory);
                                survey.add(new Wanda().score(weight, statistics));
                            }
                        }
                    });
            blocks.add(survey.scores());
        });
        return blocks;
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
            return new BlockScores(0, 0);
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
        return new BlockScores(above / (double) count, Float.intBitsToFloat(median << 16));
    }
}
