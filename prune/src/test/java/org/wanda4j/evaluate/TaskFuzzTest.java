package org.wanda4j.evaluate;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Hostile;

/// Items of tasks of any content: read, or refused in one line.
class TaskFuzzTest {

    @TempDir private static Path directory;

    /// @param bytes a file of items
    @FuzzTest(maxDuration = "3m")
    void items(byte[] bytes) {
        isReadOrRefused(Hostile.put(directory, "items.jsonl", bytes));
    }

    /// @param bytes a file of items
    @FuzzTest(maxDuration = "3m")
    void parquet(byte[] bytes) {
        isReadOrRefused(Hostile.put(directory, "items.parquet", bytes));
    }

    private static void isReadOrRefused(Path file) {
        for (Task task : Task.values()) {
            Hostile.isRead(() ->
                    ZeroShot.read(task, file, OptionalInt.empty())
                            .forEach(question ->
                                    assertTrue(question.answer() < question.choices().size())));
        }
    }
}
