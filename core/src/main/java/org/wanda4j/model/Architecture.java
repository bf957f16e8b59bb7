package org.wanda4j.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/// What a decoder-only transformer is, as data: which tensors it has and how they are joined.
///
/// A family makes one from `config.json` ([org.wanda4j.model.families]); an engine interprets it, whatever the family.
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

    /// Every linear of every block, front to back: what can be pruned.
    public List<Linear> linears() {
        return blocks.stream().flatMap(block -> block.linears().stream()).toList();
    }

    /// Names of the tables of token vectors: the embedding, and the head where it has one of its own.
    public List<String> tables() {
        return Stream.of(embedding.tokens(), head.table()).distinct().toList();
    }

    /// Where token ids become vectors: `norm(project(scale * row) + position)`.
    ///
    /// @param tokens name of the table, vocabulary x width
    /// @param width of the table's rows
    /// @param scale of a row, rounded to the type that is computed in (Gemma: `sqrt(hidden)`)
    /// @param positions learned positions, where the model has them
    /// @param project from `width` to the hidden size, where they differ
    /// @param norm of the sum (BLOOM)
    public record Embedding(
            String tokens,
            int width,
            double scale,
            Optional<LearnedPositions> positions,
            Optional<Linear> project,
            Optional<Norm> norm) {

        /// A table and nothing else.
        public static Embedding of(String tokens, int width) {
            return new Embedding(
                    tokens, width, 1, Optional.empty(), Optional.empty(), Optional.empty());
        }
    }

    /// A learned vector for each position.
    ///
    /// @param table its name, (positions + offset) x hidden
    /// @param offset row of position 0
    public record LearnedPositions(String table, int offset) {}

    /// From the last hidden state to logits: `cap(scale * (table project(norm(x)) + bias))`.
    ///
    /// @param norm before all else, where there is one
    /// @param project from the hidden size to the width of the table, where they differ
    /// @param table name of the matrix, vocabulary x width; the embedding's where the two are tied
    /// @param bias name of a vector of the vocabulary's size
    /// @param scale of the logits (Cohere, Granite)
    /// @param cap `c` of `c tanh(x / c)`, which logits pass through (Gemma 2)
    public record Head(
            Optional<Norm> norm,
            Optional<Linear> project,
            String table,
            Optional<String> bias,
            double scale,
            OptionalDouble cap) {

        /// A norm and a table.
        public static Head of(Norm norm, String table) {
            return new Head(
                    Optional.of(norm),
                    Optional.empty(),
                    table,
                    Optional.empty(),
                    1,
                    OptionalDouble.empty());
        }
    }

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
        embedding.norm().ifPresent(norm -> put(shapes, norm));
        for (Block block : blocks) {
            block.linears().forEach(linear -> put(shapes, linear));
            block.fixed().forEach(linear -> put(shapes, linear));
            block.norms().forEach(norm -> put(shapes, norm));
        }
        head.norm().ifPresent(norm -> put(shapes, norm));
        head.project().ifPresent(linear -> put(shapes, linear));
        head.bias().ifPresent(bias -> shapes.put(bias, List.of((long) vocabulary)));
        shapes.put(head.table(), table);
        return shapes;
    }

    private static void put(Map<String, List<Long>> shapes, Linear linear) {
        linear.views().forEach(view -> shapes.put(view.tensor(), view.shape()));
    }

    private static void put(Map<String, List<Long>> shapes, Norm norm) {
        norm.views().forEach(view -> shapes.put(view.tensor(), view.shape()));
    }
}
