package org.wanda4j.calibrate;

import java.util.Locale;
import java.util.Map;
import java.util.function.BiConsumer;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Stage;

/// In which order a block's inputs are looked at and its linears pruned. Leaves the hidden states after the block in
/// the store, but after the last block, where nothing reads them.
public enum CalibrationOrder {

    /// Every stage sees what its pruned predecessors make of the windows: one forward in all.
    STAGE {
        @Override
        public void run(
                BlockPass pass, boolean lastBlock, BiConsumer<Stage, InputStatistics> prune) {
            for (Step step : pass.steps()) {
                prune(pass.advanceTo(step), prune);
            }
            if (!lastBlock) {
                pass.finish();
            }
        }
    },

    /// Every stage sees what the dense block makes of the windows, then the pruned block runs once more: what the
    /// published code does.
    BLOCK {
        @Override
        public void run(
                BlockPass pass, boolean lastBlock, BiConsumer<Stage, InputStatistics> prune) {
            prune(pass.observe(), prune);
            if (!lastBlock) {
                pass.forward();
            }
        }
    };

    private static void prune(
            Map<Stage, InputStatistics> statistics, BiConsumer<Stage, InputStatistics> prune) {
        try {
            statistics.forEach(prune);
        } finally {
            statistics.values().forEach(InputStatistics::close);
        }
    }

    /// Collects statistics stage by stage and has each stage pruned with them.
    ///
    /// @param prune replaces the stage's linears in the block
    public abstract void run(
            BlockPass pass, boolean lastBlock, BiConsumer<Stage, InputStatistics> prune);

    /// Whether what lies between two stages must outlast a pass over the windows.
    public boolean keepsStages() {
        return this == STAGE;
    }

    /// How many times each window goes through a block.
    public int passes() {
        return this == STAGE ? 1 : 2;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
