package org.wanda4j.calibrate;

import java.util.List;
import java.util.Map;
import org.wanda4j.calibrate.BlockPass.Round;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Linear;

/// Calibration windows on their way through one block:
///
/// ```
/// for each round: collect it, then replace linears of its stages
/// complete
/// ```
public interface WindowPass {

    /// The rounds, in the order of the computation.
    List<Round> rounds();

    /// Brings every window through the steps of `round`, and sums up what its stages read.
    ///
    /// @param round the next one
    StageStatistics collect(Round round);

    /// Gives a linear another matrix, with which the windows go on.
    ///
    /// @param weight in memory that outlives the block
    void replace(Linear linear, TensorView weight);

    /// Takes every window to the block's end, through its linears as they are now.
    void complete();

    /// Seconds by kernel since the block was loaded, as the mean of the threads; empty where other processes compute.
    Map<String, Double> kernelSeconds();
}
