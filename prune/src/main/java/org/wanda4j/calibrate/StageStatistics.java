package org.wanda4j.calibrate;

import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.wanda4j.model.Stage;

/// Statistics of the inputs of some stages of a block. Valid until it is closed.
///
/// @param byStage in the order of the computation
public record StageStatistics(SequencedMap<Stage, InputStatistics> byStage)
        implements AutoCloseable {

    /// The stages, each with its statistics.
    public List<Map.Entry<Stage, InputStatistics>> stages() {
        return List.copyOf(byStage.entrySet());
    }

    @Override
    public void close() {
        byStage.values().forEach(InputStatistics::close);
    }
}
