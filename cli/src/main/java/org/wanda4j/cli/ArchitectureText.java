package org.wanda4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Attention.Alibi;
import org.wanda4j.model.Attention.NoPositions;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;
import org.wanda4j.model.Rotary;

/// An architecture in words, part by part, so that a user sees what was understood of a model.
final class ArchitectureText {

    private ArchitectureText() {}

    /// A part of a model.
    ///
    /// @param name `embedding`, `blocks 0-29`, `head`
    /// @param lines what it consists of, in the order of the computation
    record Part(String name, List<String> lines) {}

    /// The embedding, each kind of block, and the head.
    static List<Part> of(Architecture it) {
        boolean learned = it.embedding().positions().isPresent();
        Map<List<String>, List<Integer>> kinds = new LinkedHashMap<>();
        for (int i = 0; i < it.blocks().size(); i++) {
            List<String> kind = block(it.blocks().get(i), learned);
            kinds.computeIfAbsent(kind, _ -> new ArrayList<>()).add(i);
        }
        List<Part> parts = new ArrayList<>();
        parts.add(new Part("embedding", List.of(embedding(it))));
        kinds.forEach((lines, blocks) -> parts.add(new Part(name(blocks), lines)));
        parts.add(new Part("head", List.of(head(it))));
        return parts;
    }

    /// `blocks 0-4, 6-10`
    private static String name(List<Integer> blocks) {
        List<String> runs = new ArrayList<>();
        int first = blocks.getFirst();
        for (int i = 0; i < blocks.size(); i++) {
            int block = blocks.get(i);
            if (i + 1 == blocks.size() || blocks.get(i + 1) != block + 1) {
                runs.add(first == block ? "" + block : first + "-" + block);
                first = i + 1 == blocks.size() ? first : blocks.get(i + 1);
            }
        }
        return (blocks.size() == 1 ? "block " : "blocks ") + String.join(", ", runs);
    }

    private static String embedding(Architecture it) {
        Architecture.Embedding embedding = it.embedding();
        return join(
                "%,d x %,d".formatted(it.vocabulary(), embedding.width()),
                embedding.scale() == 1 ? "" : "times %.4g".formatted(embedding.scale()),
                embedding.project().isPresent() ? "projected to %,d".formatted(it.hidden()) : "",
                embedding.positions().isPresent() ? "learned positions" : "",
                embedding.norm().map(ArchitectureText::norm).orElse(""));
    }

    private static String head(Architecture it) {
        Architecture.Head head = it.head();
        boolean tied = head.table().equals(it.embedding().tokens());
        return join(
                head.norm().map(ArchitectureText::norm).orElse(""),
                head.project().isPresent() ? "projected to " + it.embedding().width() : "",
                tied ? "tied to the embedding" : "a table of its own",
                head.bias().isPresent() ? "bias" : "",
                head.scale() == 1 ? "" : "logits times %.4g".formatted(head.scale()),
                head.cap().isPresent()
                        ? "logits capped at %.4g".formatted(head.cap().getAsDouble())
                        : "");
    }

    private static List<String> block(Block block, boolean learned) {
        List<String> lines = new ArrayList<>();
        for (Branch branch : block.branches()) {
            lines.add(
                    join(
                            branch.before().map(norm -> norm(norm)).orElse(""),
                            switch (branch.mixer()) {
                                case Attention attention -> attention(attention, learned);
                                case Mlp mlp -> mlp(mlp);
                                case Experts experts -> experts(experts);
                            },
                            branch.after().map(norm -> norm(norm) + " after").orElse(""),
                            branch.behind().map(norm -> norm(norm) + " behind the sum").orElse(""),
                            branch.multiplier() == 1
                                    ? ""
                                    : "times %.4g".formatted(branch.multiplier()),
                            storage(
                                    branch.mixer().steps().stream()
                                            .flatMap(List::stream)
                                            .flatMap(group -> group.linears().stream()))));
        }
        if (block.parallel()) {
            lines.add("in parallel: all of them read the block's input");
        }
        return lines;
    }

    private static String attention(Attention it, boolean learned) {
        return join(
                "attention of %d heads of %d".formatted(it.heads(), it.headSize()),
                it.keyValueHeads() == it.heads() ? "" : it.keyValueHeads() + " for keys and values",
                switch (it.positions()) {
                    case Rotary rotary -> rotary(rotary, it.headSize());
                    case Alibi _ -> "linear biases (ALiBi)";
                    case NoPositions _ -> learned ? "" : "no positions";
                },
                it.window().isPresent() ? "window %,d".formatted(it.window().getAsInt()) : "",
                it.queryNorm()
                        .map(norm ->
                                "queries and keys normed "
                                        + (norm.span() == it.headSize() ? "by head" : "as a whole"))
                        .orElse(""),
                it.cap().isPresent()
                        ? "products capped at %.4g".formatted(it.cap().getAsDouble())
                        : "",
                it.clip().isPresent() ? "clipped to %.4g".formatted(it.clip().getAsDouble()) : "",
                Math.abs(it.scale() * Math.sqrt(it.headSize()) - 1) < 1e-9
                        ? ""
                        : "scale %.4g".formatted(it.scale()),
                biases(it.query(), it.key(), it.value(), it.output()));
    }

    private static String rotary(Rotary it, int headSize) {
        String scaling =
                switch (it.scaling()) {
                    case Rotary.Scaling.None _ -> "";
                    default ->
                            " " + it.scaling().getClass().getSimpleName().toLowerCase(Locale.ROOT);
                };
        return "rotary%s%s%s, base %,.0f"
                .formatted(
                        scaling,
                        it.size() < headSize ? " of " + it.size() : "",
                        it.interleaved() ? " interleaved" : "",
                        it.theta());
    }

    private static String mlp(Mlp it) {
        return join(
                "MLP of %,d".formatted(it.width()),
                it.activation().name().toLowerCase(Locale.ROOT).replace('_', ' ')
                        + (it.gate().isPresent() ? ", gated" : ""),
                biases(
                        Stream.concat(it.first().stream(), Stream.of(it.down()))
                                .toArray(Linear[]::new)));
    }

    private static String experts(Experts it) {
        return join(
                "%d experts, %d of them for a token, each an %s"
                        .formatted(it.experts().size(), it.chosen(), mlp(it.experts().getFirst())),
                it.normalised() ? "" : "weights not normalised",
                it.shared().map(mlp -> "shared " + mlp(mlp)).orElse(""),
                it.sharedGate().isPresent() ? "gated by the token" : "");
    }

    private static String norm(Norm norm) {
        return (norm.kind() == Norm.Kind.RMS ? "RMS norm" : "layer norm")
                + (norm.offset() == 0 ? "" : " (%.0f + weight)".formatted(norm.offset()))
                + (norm.weight().isEmpty() ? " without weight" : "");
    }

    private static String biases(Linear... linears) {
        long biased = Stream.of(linears).filter(linear -> linear.bias().isPresent()).count();
        return biased == 0 ? "" : biased == linears.length ? "biases" : "some biases";
    }

    /// How linears lie in the file, where they are not tensors of their own.
    private static String storage(Stream<Linear> linears) {
        List<MatrixView> views = linears.map(Linear::weight).toList();
        Optional<String> slices =
                views.stream().anyMatch(view -> view.shape().size() == 3)
                        ? Optional.of("3-D")
                        : Optional.empty();
        boolean fused = views.stream().map(MatrixView::tensor).distinct().count() < views.size();
        boolean transposed = views.stream().anyMatch(MatrixView::transposed);
        List<String> words = new ArrayList<>(slices.stream().toList());
        if (fused) {
            words.add("fused");
        }
        if (transposed) {
            words.add("transposed");
        }
        return words.isEmpty() ? "" : String.join(", ", words) + " tensors";
    }

    private static String join(String... parts) {
        return String.join(", ", Stream.of(parts).filter(part -> !part.isEmpty()).toList());
    }
}
