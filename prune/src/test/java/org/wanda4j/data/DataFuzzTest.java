package org.wanda4j.data;

import static org.junit.jupiter.api.Assertions.assertFalse;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Hostile;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.TextSettings;

/// Compressed text of any content: read, or refused in one line.
class DataFuzzTest {

    @TempDir private static Path directory;

    /// @param bytes a corpus of JSON lines that zstd compressed
    @FuzzTest(maxDuration = "3m")
    void zstd(byte[] bytes) {
        Path file = Hostile.put(directory, "corpus.jsonl.zst", bytes);
        var settings = new TextSettings(Optional.empty(), Optional.empty(), new DataFormats());
        Hostile.isRead(() -> assertFalse(Corpus.open(file, settings).documents().isEmpty()));
    }
}
