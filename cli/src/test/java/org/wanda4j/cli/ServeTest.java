package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.wanda4j.SharedFiles;

/// `wanda serve` as a process of its own.
@Timeout(900)
class ServeTest {

    private static final String LISTENING = "listening on ";

    @Test
    void itServesUntilItIsToldToEnd() throws Exception {
        Process server = start("--port", "0", "--name", "tiny");
        try (BufferedReader out = server.inputReader(StandardCharsets.UTF_8)) {
            String line = out.readLine();
            assertTrue(line.startsWith(LISTENING), line);
            HttpRequest request =
                    HttpRequest.newBuilder(
                                    URI.create(line.substring(LISTENING.length()) + "/v1/models"))
                            .build();
            try (HttpClient client = HttpClient.newHttpClient()) {
                String models = client.send(request, HttpResponse.BodyHandlers.ofString()).body();
                assertTrue(models.contains("\"id\":\"tiny\""), models);
            }
            server.destroy();
            assertEquals(0, server.waitFor());
        } finally {
            server.destroyForcibly();
        }
    }

    @Test
    void aPortThatIsTakenIsSaid() throws IOException {
        try (ServerSocket taken = new ServerSocket(0)) {
            String port = "" + taken.getLocalPort();
            Wanda serve =
                    Wanda.run(
                            "serve",
                            SharedFiles.tinyLlama().toString(),
                            "--host",
                            "0.0.0.0",
                            "--port",
                            port);
            assertEquals(2, serve.exitCode());
            assertEquals(1, serve.errors().size(), serve.errors()::toString);
            assertTrue(
                    serve.errors().getFirst().contains("0.0.0.0:" + port),
                    serve.errors()::toString);
        }
    }

    private static Process start(String... options) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "--add-modules",
                        "jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-classpath",
                        System.getProperty("java.class.path"),
                        "org.wanda4j.cli.Main",
                        "serve",
                        SharedFiles.tinyLlama().toString()));
        command.addAll(List.of(options));
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    }
}
