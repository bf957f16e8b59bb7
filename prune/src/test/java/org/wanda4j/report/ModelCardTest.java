package org.wanda4j.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the card of a pruned model says, and what it keeps of the original's.
class ModelCardTest {

    @TempDir private Path directory;

    @Test
    void aModelWithoutACardGetsOne() {
        List<String> card = ModelCard.of(report(), directory).lines().toList();
        assertEquals("---", card.getFirst());
        assertTrue(card.contains("base_model: " + directory.getFileName()));
        assertTrue(card.contains("| method | wanda |"), card::toString);
        assertTrue(card.contains("# %s, pruned to 50.0 %%".formatted(directory.getFileName())));
    }

    @Test
    void aRecoveredModelKeepsWhatThePrunedOnesSaysButNotWhatWasMeasuredOfIt() throws IOException {
        Files.writeString(directory.resolve("README.md"), ModelCard.of(report(), directory));
        ModelCard.enter(directory, new LinkedHashMap<>(Map.of("perplexity", "99")));
        String card =
                ModelCard.recovered(directory, new LinkedHashMap<>(Map.of("tokens", "1,000")));
        assertTrue(card.contains("pruned to 50.0 %"), card);
        assertTrue(card.contains("## Recovered\n\n| | |\n|---|---|\n| tokens | 1,000 |\n"), card);
        assertEquals(-1, card.indexOf("perplexity"));
    }

    @Test
    void aSnapshotOfTheHubsCacheHasTheModelsName() throws IOException {
        Path snapshot = directory.resolve("models--org--name/snapshots/0e9e39f249a1");
        List<String> card =
                ModelCard.of(report(), Files.createDirectories(snapshot)).lines().toList();
        assertTrue(card.contains("base_model: org/name"), card::toString);
    }

    @Test
    void theOriginalsMetadataAndTextAreKept() throws IOException {
        Files.writeString(
                directory.resolve("README.md"),
                """
                ---
                license: apache-2.0
                base_model:
                - somebody/else
                language:
                - en
                ---

                # Small model
                It speaks.
                """);
        String card = ModelCard.of(report(), directory);
        assertTrue(
                card.startsWith("---\nlicense: apache-2.0\nlanguage:\n- en\nbase_model: "), card);
        assertTrue(card.endsWith("# Small model\nIt speaks.\n"), card);
        assertEquals(-1, card.indexOf("somebody/else"));
    }

    @Test
    void figuresStandBeforeTheOriginalsTextAndReplaceEarlierOnes() throws IOException {
        Files.writeString(directory.resolve("README.md"), "# Small model\nIt speaks.\n");
        Path card = directory.resolve("README.md");
        Files.writeString(card, ModelCard.of(report(), directory));
        String before = Files.readString(card);
        ModelCard.enter(directory, figures("perplexity", "40.000"));
        ModelCard.enter(directory, figures("perplexity", "41.000"));
        String text = Files.readString(card);
        assertEquals(1, text.split("## Measured", -1).length - 1, text);
        assertTrue(
                text.contains(
                        "\n\n## Measured\n\n| | |\n|---|---|\n| perplexity | 41.000 |\n\n# The original model\n"),
                text);
        assertEquals(
                before,
                text.replace("## Measured\n\n| | |\n|---|---|\n| perplexity | 41.000 |\n\n", ""));
    }

    @Test
    void aCardThatIsNotThereBeginsWithTheFigures() throws IOException {
        ModelCard.enter(directory, figures("decode", "100 tokens/s"));
        assertEquals(
                "## Measured\n\n| | |\n|---|---|\n| decode | 100 tokens/s |\n",
                Files.readString(directory.resolve("README.md")));
    }

    private static SequencedMap<String, String> figures(String name, String value) {
        return new LinkedHashMap<>(Map.of(name, value));
    }

    private static PruneReport report() {
        return new PruneReport(
                "in",
                "out",
                "wanda",
                "unstructured",
                0.5,
                0.5,
                1000,
                List.of(),
                1,
                Map.of(),
                64,
                OptionalLong.empty(),
                "memory",
                "engine",
                "kernels",
                List.of());
    }
}
