package org.wanda4j.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import org.wanda4j.checkpoint.AtomicFile;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ModelName;

/// `README.md` of a pruned checkpoint, with the metadata block that model hubs read.
///
/// What the original's card says is kept: its metadata, but for what describes the pruned model, and its text.
public final class ModelCard {

    private static final String FILE = "README.md";
    private static final String TAG = "- wanda4j";
    private static final String FENCE = "---";
    private static final List<String> OWN = List.of("base_model", "tags", "model-index");

    private static final String ORIGINAL = "# The original model";
    private static final String MEASURED = "## Measured";
    private static final String RECOVERED = "## Recovered";

    private ModelCard() {}

    /// Whether the card in a directory is one that [#of] made.
    public static boolean isOwn(Path directory) {
        return original(directory.resolve(FILE)).contains(TAG);
    }

    /// Enters figures into the card of a checkpoint, in the place of those that an earlier call entered.
    ///
    /// @param directory of the checkpoint
    /// @param figures from what was measured to its value
    /// @throws InvalidInputException when the card cannot be written
    public static void enter(Path directory, SequencedMap<String, String> figures) {
        Path file = directory.resolve(FILE);
        AtomicFile.write(file, text(with(original(file), MEASURED, figures)));
    }

    /// The card of a pruned model that was recovered: what the pruned one's says, but for what was measured of that, and how it was
    /// recovered.
    ///
    /// @param pruned its directory
    /// @param figures of the recovery
    public static String recovered(Path pruned, SequencedMap<String, String> figures) {
        return text(with(without(original(pruned.resolve(FILE)), MEASURED), RECOVERED, figures));
    }

    /// `card` with a table under `heading`, in the place of one that was there.
    private static List<String> with(
            List<String> card, String heading, SequencedMap<String, String> rows) {
        List<String> lines = without(card, heading);
        int found = lines.indexOf(ORIGINAL);
        int place = found < 0 ? lines.size() : found;
        List<String> section = new ArrayList<>();
        if (place > 0 && !lines.get(place - 1).isBlank()) {
            section.add("");
        }
        section.addAll(List.of(heading, "", "| | |", "|---|---|"));
        rows.forEach((name, value) -> section.add("| %s | %s |".formatted(name, value)));
        if (place < lines.size()) {
            section.add("");
        }
        lines.addAll(place, section);
        return lines;
    }

    private static List<String> without(List<String> card, String heading) {
        List<String> lines = new ArrayList<>(card);
        int start = lines.indexOf(heading);
        if (start >= 0) {
            int end = start + 1;
            while (end < lines.size() && !lines.get(end).startsWith("#")) {
                end++;
            }
            lines.subList(start, end).clear();
        }
        return lines;
    }

    private static String text(List<String> card) {
        return String.join("\n", card) + "\n";
    }

    /// @param original directory of the model that was pruned
    public static String of(PruneReport report, Path original) {
        List<String> lines = original(original.resolve(FILE));
        int end = lines.isEmpty() ? -1 : lines.subList(1, lines.size()).indexOf(FENCE) + 1;
        boolean hasMetadata = end > 0 && lines.getFirst().equals(FENCE);
        List<String> metadata = hasMetadata ? others(lines.subList(1, end)) : List.of();
        List<String> text = hasMetadata ? lines.subList(end + 1, lines.size()) : lines;
        String name = ModelName.of(original);

        List<String> card = new ArrayList<>();
        card.add(FENCE);
        card.addAll(metadata);
        card.add("base_model: " + name);
        card.addAll(List.of("tags:", "- pruned", "- sparse", TAG, FENCE, ""));
        card.add("# %s, pruned to %s".formatted(name, percent(report.sparsity())));
        card.add("");
        card.add(
                String.format(
                        Locale.ROOT,
                        "%,d of the %,d weights of its linears are zero. The embeddings and the head are as they were.",
                        Math.round(report.sparsity() * report.parameters()),
                        report.parameters()));
        card.add("");
        card.add("| | |");
        card.add("|---|---|");
        card.add(
                "| method | " + report.method() + (tuned(report) ? ", tuned by block" : "") + " |");
        card.add("| pattern | " + report.pattern() + " |");
        card.add("| sparsity | " + percent(report.sparsity()) + " |");
        card.add(
                String.format(
                        Locale.ROOT, "| calibration | %,d tokens |", report.calibrationTokens()));
        card.add("");
        card.add(
                "`wanda-recipe.json` holds everything that decided this result, `wanda-report.json` the sparsity of each linear.");
        if (text.stream().anyMatch(line -> !line.isBlank())) {
            card.addAll(List.of("", ORIGINAL, ""));
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
