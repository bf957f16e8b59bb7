package org.wanda4j.plan;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.families.Families;

/// A model as far as its cost goes: it may be a `config.json` without weights.
///
/// @param directory of its `config.json`
/// @param stored type of its weights
/// @param bytes of its weights' files
/// @param outputBytes of the weights of a pruned copy
/// @param shard a file of weights, where there is one
public record ModelFootprint(
        Path directory,
        Architecture architecture,
        DType stored,
        long bytes,
        long outputBytes,
        Optional<Path> shard) {

    /// A model that is there.
    public static ModelFootprint of(Checkpoint checkpoint) {
        Architecture architecture = Families.describe(checkpoint);
        return new ModelFootprint(
                checkpoint.directory(),
                architecture,
                checkpoint.info(architecture.linears().getFirst().weight().tensor()).type(),
                checkpoint.bytes(),
                checkpoint.copiedBytes(),
                Optional.of(checkpoint.shards().getFirst().path()));
    }

    /// What the `config.json` in `directory` describes, with weights in bf16.
    public static ModelFootprint described(Path directory) {
        Architecture architecture = Families.describe(directory);
        long bytes = parameters(architecture) * DType.BF16.bytes();
        return new ModelFootprint(
                directory, architecture, DType.BF16, bytes, bytes, Optional.empty());
    }

    /// All parameters.
    public long parameters() {
        return parameters(architecture);
    }

    /// The block with the most weights.
    Block largestBlock() {
        return architecture.blocks().stream()
                .max(Comparator.comparingLong(Block::weights))
                .orElseThrow();
    }

    private static long parameters(Architecture architecture) {
        return architecture.tensors().values().stream()
                .mapToLong(shape -> shape.stream().reduce(1L, Math::multiplyExact))
                .sum();
    }
}
