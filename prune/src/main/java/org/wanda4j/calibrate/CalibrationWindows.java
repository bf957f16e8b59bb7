package org.wanda4j.calibrate;

import java.util.Optional;
import org.wanda4j.calibrate.BlockPass.Wanted;

/// Calibration windows between two blocks of a model, wherever their hidden states are: in this process ([LocalWindows]), or with
/// the workers of a cluster.
public interface CalibrationWindows extends AutoCloseable {

    /// Begins to take them through a block; the pass through the block before is complete.
    ///
    /// @param progress counts tokens, each step an equal share of them
    WindowPass through(LoadedBlock block, CalibrationOrder order, Wanted wanted, Progress progress);

    /// The hidden states, as a resumed run needs them.
    KeptStates states();

    /// Where the hidden states are, for the report.
    String place();

    /// What computes, for the report.
    String describe();

    /// The hidden states in this process, where they are here.
    Optional<ActivationStore> store();

    @Override
    void close();
}
