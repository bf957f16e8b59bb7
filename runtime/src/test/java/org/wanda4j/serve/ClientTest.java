package org.wanda4j.serve;

import com.openai.client.OpenAIClient;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.io.TempDir;

/// One [RunningServer] for all tests of a class, and OpenAI's own client of it.
abstract class ClientTest {

    @TempDir static Path directory;
    static RunningServer running;
    static OpenAIClient client;

    /// To be called before all tests.
    static void start(int atOnce, int queueLimit) throws IOException {
        RunningServer.copyModel(directory);
        running = RunningServer.start(directory, atOnce, queueLimit, Optional.empty());
        client = running.client("none");
    }

    @AfterAll
    static void stop() {
        client.close();
        running.close();
    }
}
