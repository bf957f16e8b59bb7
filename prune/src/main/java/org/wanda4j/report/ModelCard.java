package org.wanda4j.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.wanda4j.checkpoint.ModelName;

/// `README.md` of a pruned checkpoint, with the metadata block that model hubs read.
///
/// What the original's card says is kept: its metadata, but for what describes the pruned model, and its text.
public final class ModelCard {

    private static final String FENCE = "---";
    private static final List<String> OWN = List.of("base_model", "tags", "model-index");

    private ModelCard() {}

    /// @param original directory of the model that was pruned
    public static String of(PruneReport report, Path original) {
        List<String> lines = original(original.resolve("README.md"));
        int end = lines.isEmpty() ? -1 : lines.subList(1, lines.size()).indexOf(FENCE) + 1;
        boolean hasMetadata = end > 0 && lines.getFirst().equals(FENCE);
        List<String> metadata = hasMetadata ? others(lines.subList(1, end)) : List.of();
        List<String> text = hasMetadata ? lines.subList(end + 1, lines.size()) : lines;
        String name = ModelName.of(original);

        List<String> card = new ArrayList<>();
        card.add(FENCE);
        card.addAll(metadata);
        card.add("base_model: " + name);
        card.addAll(List.of("tags:", "- pruned", "- sparse", "- wanda4j", FENCE, ""));
        card.add("# %s, pruned to %s".formatted(name, percent(report.sparsity())));
        card.add("");
        card.add(
                "%,d of the %,d weights of its linears are zero. The embeddings and the head are as they were."
                        .formatted(
                                Math.round(report.sparsity() * report.parameters()),
                                report.parameters()));
        card.add("");
        card.add("| | |");
        card.add("|---|---|");
        card.add(
                "| method | " + report.method() + (tuned(report) ? ", tuned by block" : "") + " |");
        card.add("| pattern | " + report.pattern() + " |");
        card.add("| sparsity | " + percent(report.sparsity()) + " |");
        card.add("| calibration | %,d tokens |".formatted(report.calibrationTokens()));
        card.add("");
        card.add(
                "`wanda-recipe.json` holds everything that decided this result, `wanda-report.json` the sparsity of each linear.");
        if (text.stream().anyMatch(line -> !line.isBlank())) {
            card.addAll(List.of("", "# The original model", ""));
            card.addAll(text);
        }
        return String.join("\n", card) + "\n";
    }

    private static List<String> original(Path file) {
        try {
            return Files.exists(file)
                    ? Files.readString(file, StandardCharsets.UTF_8).lines().toList()
                    : List.of();
        } catch (IOException e) {
            return List.of(); // A card that cannot be read says nothing.
        }
    }

    /// Metadata without the entries that this card has of its own, and what is indented or listed below them.
    private static List<String> others(List<String> metadata) {
        List<String> kept = new ArrayList<>();
        boolean own = false;
        for (String line : metadata) {
            boolean key = !line.isBlank() && !line.startsWith(" ") && !line.startsWith("-");
            own = key ? OWN.stream().anyMatch(name -> line.startsWith(name + ":")) : own;
            if (!own) {
                kept.add(line);
            }
        }
        return kept;
    }

    private static boolean tuned(PruneReport report) {
        return report.blocks().stream().anyMatch(block -> block.tuned().isPresent());
    }

    private static String percent(double fraction) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * fraction);
    }
}
