package org.wanda4j.evaluate;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Hostile;
import org.wanda4j.data.ParquetRows;

/// Items of tasks of any content: read, or refused in one line.
class TaskFuzzTest {

    @TempDir private static Path directory;

    /// @param bytes a file of items
    @FuzzTest(maxDuration = "3m")
    void items(byte[] bytes) {
        Path file = Hostile.put(directory, "items.jsonl", bytes);
        for (Task task : Task.values()) {
            Hostile.isRead(() ->
                    Exam.read(task, file, OptionalInt.empty())
                            .questions()
                            .forEach(question ->
                                    assertTrue(question.answer() < question.choices().size())));
        }
    }

    /// @param bytes a file of items
    @FuzzTest(maxDuration = "3m")
    void parquet(byte[] bytes) {
        Path file = Hostile.put(directory, "items.parquet", bytes);
        Hostile.isRead(() ->
                ParquetRows.forEach(
                        file,
                        List.of(),
                        1000,
                        Duration.ofSeconds(1),
                        (item, _) -> {
                            for (Task task : Task.values()) {
                                Hostile.isRead(() -> task.question(item));
                            }
                        }));
    }
}
