package org.wanda4j.prune;

import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.report.PruneReport.BlockReport;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.sparse.Mask;

/// Masks beside the journal: a file for each block, with [Mask#toBytes()] of its pruned linears in the order of the report.
record MaskFiles(CheckpointWriter writer) {

    /// Keeps the masks of a block.
    ///
    /// @return the file, which the disk has with the next journal that names it
    String keep(BlockReport block, Collection<Mask> masks) {
        String file = file(block);
        writer.keep(file, masks.stream().map(Mask::toBytes).map(MemorySegment::ofArray).toList());
        return file;
    }

    /// Checks that the masks of a block are kept.
    ///
    /// @throws InvalidInputException when they are not
    void require(BlockReport block) {
        writer.requireKept(file(block), block.linears().stream().mapToLong(MaskFiles::bytes).sum());
    }

    /// The masks of a block, by where its matrices lie.
    Map<MatrixView, Mask> read(Block block, BlockReport report) {
        require(report);
        List<byte[]> bytes =
                report.linears().stream().map(MaskFiles::bytes).map(byte[]::new).toList();
        writer.restore(file(report), bytes.stream().map(MemorySegment::ofArray).toList());
        Map<String, Linear> linears =
                block.linears().stream()
                        .collect(Collectors.toMap(Linear::name, Function.identity()));
        Map<MatrixView, Mask> masks = new LinkedHashMap<>();
        for (int i = 0; i < bytes.size(); i++) {
            Linear linear = linears.get(report.linears().get(i).name());
            masks.put(linear.weight(), Mask.of(linear.outputs(), linear.inputs(), bytes.get(i)));
        }
        return masks;
    }

    private static int bytes(LinearReport linear) {
        return Mask.bytes(linear.outputs(), linear.inputs());
    }

    private static String file(BlockReport block) {
        return "masks-" + block.index();
    }
}
