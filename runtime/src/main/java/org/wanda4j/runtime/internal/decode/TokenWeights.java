package org.wanda4j.runtime.internal.decode;

import java.util.List;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.LearnedPositions;
import org.wanda4j.model.Block;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mlp;

/// Weights that are read to decode one token: all but tables of which one row is read, and experts that the token is not routed to.
///
/// @param bytes as they lie in the files or in memory
/// @param count of the weights of linears and the head's table, zeros included
public record TokenWeights(long bytes, long count) {

    /// @param tensorBytes bytes of a tensor, as it is read
    static TokenWeights of(Architecture architecture, ToLongFunction<String> tensorBytes) {
        long bytes =
                architecture.tensors().keySet().stream().mapToLong(tensorBytes).sum()
                        - rowTables(architecture).mapToLong(tensorBytes).sum();
        long count =
                (long) architecture.vocabulary() * architecture.embedding().width()
                        + architecture.linears().stream().mapToLong(Linear::weights).sum();
        for (Experts experts : experts(architecture)) {
            int all = experts.experts().size();
            int idle = all - experts.chosen();
            List<Linear> linears =
                    experts.experts().stream().flatMap(TokenWeights::linears).toList();
            Set<String> tensors =
                    linears.stream()
                            .map(Linear::weight)
                            .map(MatrixView::tensor)
                            .collect(Collectors.toSet());
            bytes -= tensors.stream().mapToLong(tensorBytes).sum() / all * idle;
            count -= linears.stream().mapToLong(Linear::weights).sum() / all * idle;
        }
        return new TokenWeights(bytes, count);
    }

    private static Stream<String> rowTables(Architecture architecture) {
        String tokens = architecture.embedding().tokens();
        return Stream.concat(
                Stream.of(tokens).filter(name -> !name.equals(architecture.head().table())),
                architecture.embedding().positions().map(LearnedPositions::table).stream());
    }

    private static List<Experts> experts(Architecture architecture) {
        return architecture.blocks().stream()
                .flatMap(block -> block.branches().stream())
                .map(Block.Branch::mixer)
                .filter(Experts.class::isInstance)
                .map(Experts.class::cast)
                .toList();
    }

    private static Stream<Linear> linears(Mlp mlp) {
        return Stream.concat(mlp.first().stream(), Stream.of(mlp.down()));
    }
}
