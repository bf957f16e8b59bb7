package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.KeptStates;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.report.PruneReport.BlockReport;

/// Prunes block after block by a method that needs nothing but the weights.
record WeightsAlone(
        Architecture architecture,
        LinearPruner linears,
        CheckpointWriter writer,
        Journal journal,
        RunSettings settings) {

    void prune() {
        List<Block> blocks = architecture.blocks();
        List<Block> left = journal.left(blocks);
        journal.begin(journal.outcome(), linears.maskBytes(left), KeptStates.NONE);
        settings.progress()
                .start(
                        "pruning",
                        left.stream()
                                .flatMap(block -> block.linears().stream())
                                .filter(linears::prunes)
                                .mapToLong(Linear::weights)
                                .sum());
        ScratchSpace scratch = settings.scratch(writer.scratch());
        for (int index = journal.done(); index < blocks.size(); index++) {
            int at = index;
            try (Arena memory = scratch.arena(blocks.get(at), linears.type())) {
                journal.guard(() -> prune(at, memory));
            }
        }
    }

    private void prune(int index, Arena memory) {
        Progress inBlock =
                settings.progress()
                        .within("block " + (index + 1) + "/" + architecture.blocks().size());
        var tensors = new BlockTensors(linears.source(), writer, memory);
        Block block = architecture.blocks().get(index);
        for (Stage stage : block.stages()) {
            for (Linear linear : stage.linears()) {
                if (linears.prunes(linear)) {
                    linears.prune(
                            block,
                            stage,
                            linear,
                            InputStatistics.none(),
                            PrunedAhead.NOTHING,
                            tensors,
                            memory);
                    inBlock.advance(linear.weights(), linear.name());
                }
            }
        }
        journal.add(
                BlockReport.of(index, tensors.reports(), List.of(), Optional.empty()),
                tensors.masks(),
                KeptStates.NONE);
    }
}
