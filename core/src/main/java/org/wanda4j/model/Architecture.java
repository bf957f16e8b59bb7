package org.wanda4j.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;

/// What a decoder-only transformer is, as data: which tensors it has and how they are joined.
///
/// A family makes one from `config.json` ([Families]); an engine interprets it and knows no family.
///
/// @param family the `model_type`
/// @param hidden size of the hidden state between blocks
/// @param vocabulary number of token ids
/// @param positions longest sequence that the model was made for
/// @param embedding from token ids to the first hidden state
/// @param blocks the decoder blocks, front to back
/// @param head from the last hidden state to logits
public record Architecture(
        String family,
        int hidden,
        int vocabulary,
        int positions,
        Embedding embedding,
        List<Block> blocks,
        Head head) {

    /// Copies the blocks.
    public Architecture {
        blocks = List.copyOf(blocks);
    }

    /// The architecture of the model that `checkpoint` holds, checked against its tensors.
    ///
    /// @throws InvalidInputException when the family is not supported, or a tensor is missing or has another shape
    public static Architecture of(Checkpoint checkpoint) {
        ModelConfig config = ModelConfig.read(checkpoint.directory());
        Architecture architecture = Families.describe(config, checkpoint);
        new TensorCheck(checkpoint, config, architecture).run();
        return architecture;
    }

    /// The architecture that the `config.json` in `directory` describes, whether there are weights or not.
    ///
    /// @throws InvalidInputException when it is missing, or the family is not supported
    public static Architecture described(Path directory) {
        return Families.describe(ModelConfig.read(directory));
    }

    /// Every linear of every block, front to back: what can be pruned.
    public List<Linear> linears() {
        return blocks.stream().flatMap(block -> block.linears().stream()).toList();
    }

    /// Names of the tables of token vectors: the embedding, and the head where it has one of its own.
    public List<String> tables() {
        return Stream.of(embedding.tokens(), head.table()).distinct().toList();
    }

    /// Where token ids become vectors.
    ///
    /// @param tokens name of the table, vocabulary x width
    /// @param width of the table's rows
    /// @param positions learned positions, where the model has them
    /// @param project from `width` to the hidden size, where they differ
    public record Embedding(
            String tokens, int width, Optional<Positions> positions, Optional<Linear> project) {}

    /// A learned vector for each position.
    ///
    /// @param table its name, (positions + offset) x hidden
    /// @param offset row of position 0
    public record Positions(String table, int offset) {}

    /// `y = x W^T + b`.
    ///
    /// @param name of the module; its tensors are `name.weight` (outputs x inputs) and `name.bias`
    /// @param bias whether it has one
    public record Linear(String name, int inputs, int outputs, boolean bias) {

        /// Name of the matrix.
        public String weight() {
            return name + ".weight";
        }

        /// Names of the matrix and, where there is one, the bias.
        public Stream<String> tensors() {
            return bias ? Stream.of(weight(), name + ".bias") : Stream.of(weight());
        }
    }

    /// A normalisation over the last dimension.
    ///
    /// @param name of the module; its tensors are `name.weight` and, for a layer norm, `name.bias`
    /// @param affine whether it has weights at all
    public record Norm(Kind kind, String name, int width, double epsilon, boolean affine) {

        /// Which mean is taken.
        public enum Kind {
            /// `x / sqrt(mean(x^2) + epsilon) * weight`
            RMS,
            /// `(x - mean) / sqrt(variance + epsilon) * weight + bias`
            LAYER
        }
    }

    /// Causal self-attention.
    ///
    /// @param heads number of query heads
    /// @param keyValueHeads number of key and value heads; divides `heads`
    /// @param headSize width of a head
    /// @param queryNorm over each query head, before the rotation
    /// @param keyNorm over each key head, before the rotation
    /// @param rotary rotation of queries and keys by position
    /// @param window how many positions, its own included, a token sees; all before it where empty
    public record Attention(
            Linear query,
            Linear key,
            Linear value,
            Linear output,
            int heads,
            int keyValueHeads,
            int headSize,
            Optional<Norm> queryNorm,
            Optional<Norm> keyNorm,
            Optional<Rotary> rotary,
            OptionalInt window) {}

    /// `down(activation(gate(x)) * up(x))`, or `down(activation(up(x)))` without a gate.
    public record Mlp(Optional<Linear> gate, Linear up, Linear down, Activation activation) {}

    /// Two residual branches. With `normFirst` a norm stands before each branch, else behind each sum.
    public record Block(
            Norm attentionNorm, Attention attention, Norm mlpNorm, Mlp mlp, boolean normFirst) {

        /// The linears that read the input of `stage`.
        public List<Linear> linears(Stage stage) {
            return switch (stage) {
                case QKV -> List.of(attention.query(), attention.key(), attention.value());
                case OUTPUT -> List.of(attention.output());
                case GATE_UP ->
                        mlp.gate()
                                .map(gate -> List.of(gate, mlp.up()))
                                .orElseGet(() -> List.of(mlp.up()));
                case DOWN -> List.of(mlp.down());
            };
        }

        /// All linears, stage by stage.
        public List<Linear> linears() {
            return List.of(Stage.values()).stream()
                    .flatMap(stage -> linears(stage).stream())
                    .toList();
        }

        private List<Norm> norms() {
            var norms = new ArrayList<>(List.of(attentionNorm, mlpNorm));
            attention.queryNorm().ifPresent(norms::add);
            attention.keyNorm().ifPresent(norms::add);
            return norms;
        }
    }

    /// From the last hidden state to logits.
    ///
    /// @param norm before all else, where there is one
    /// @param project from the hidden size to the width of the table, where they differ
    /// @param table name of the matrix, vocabulary x width; the embedding's where the two are tied
    public record Head(Optional<Norm> norm, Optional<Linear> project, String table) {}

    /// The shape of every tensor that the model reads.
    public Map<String, List<Long>> tensors() {
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        List<Long> table = List.of((long) vocabulary, (long) embedding.width());
        shapes.put(embedding.tokens(), table);
        embedding
                .positions()
                .ifPresent(learned ->
                        shapes.put(
                                learned.table(),
                                List.of((long) positions + learned.offset(), (long) hidden)));
        embedding.project().ifPresent(linear -> put(shapes, linear));
        for (Block block : blocks) {
            block.linears().forEach(linear -> put(shapes, linear));
            block.norms().forEach(norm -> put(shapes, norm));
        }
        head.norm().ifPresent(norm -> put(shapes, norm));
        head.project().ifPresent(linear -> put(shapes, linear));
        shapes.put(head.table(), table);
        return shapes;
    }

    private static void put(Map<String, List<Long>> shapes, Linear linear) {
        shapes.put(linear.weight(), List.of((long) linear.outputs(), (long) linear.inputs()));
        if (linear.bias()) {
            shapes.put(linear.name() + ".bias", List.of((long) linear.outputs()));
        }
    }

    private static void put(Map<String, List<Long>> shapes, Norm norm) {
        if (norm.affine()) {
            shapes.put(norm.name() + ".weight", List.of((long) norm.width()));
            if (norm.kind() == Norm.Kind.LAYER) {
                shapes.put(norm.name() + ".bias", List.of((long) norm.width()));
            }
        }
    }
}
