package org.wanda4j.model;

import java.util.List;

/// Linears of a block that read one input: the unit of calibration statistics.
///
/// @param label how reports name it; unique in its block
/// @param branch number of the block's branch that it belongs to
/// @param step of that branch's mixer that it belongs to
/// @param part its number in the step
/// @param linears in the order of the computation; all have as many inputs
public record Stage(String label, int branch, int step, int part, List<Linear> linears) {

    /// Copies the list.
    public Stage {
        linears = List.copyOf(linears);
    }

    /// Channels of the input.
    public int width() {
        return linears.getFirst().inputs();
    }
}
