package org.wanda4j.calibrate;

import java.util.List;
import java.util.Locale;
import org.wanda4j.model.Block.Step;

/// In which order the inputs of a block are summed up and its linears pruned.
public enum CalibrationOrder {

    /// Every stage sees what its pruned predecessors make of the windows: one forward in all.
    STAGE,

    /// Every stage sees what the dense block makes of the windows, then the pruned block is run once more: what the
    /// published code does.
    BLOCK;

    /// Which steps of a block are summed up at once; their linears are pruned before the next ones.
    List<List<Step>> rounds(List<Step> steps) {
        return switch (this) {
            case STAGE -> steps.stream().map(List::of).toList();
            case BLOCK -> List.of(steps);
        };
    }

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
