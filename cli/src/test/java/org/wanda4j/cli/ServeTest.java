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
import org.wanda4j.HeldProcess;
import org.wanda4j.HeldProcess.Point;
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

    /// Who started the process, such as a service manager, can start another.
    @Test
    void itEndsWithAFaultWhenTheThreadThatDecodesHasEnded() throws Exception {
        var listening = new Point("org.wanda4j.cli.ServeCommand", "tell", 1);
        try (HeldProcess server =
                HeldProcess.start(
                        new ProcessBuilder(command(List.of(HeldProcess.OPTION), "--port", "0")),
                        listening)) {
            server.interrupt("wanda-scheduler");
            server.letGo();
            List<String> errors = server.process().errorReader().lines().toList();
            assertEquals(1, server.process().waitFor(), errors::toString);
            assertTrue(
                    errors.stream().anyMatch(line -> line.contains("the model decodes no more")),
                    errors::toString);
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
        return new ProcessBuilder(command(List.of(), options))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private static List<String> command(List<String> options, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.addAll(
                List.of(
                        "--add-modules",
                        "jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-classpath",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        "serve",
                        SharedFiles.tinyLlama().toString()));
        command.addAll(List.of(arguments));
        return command;
    }
}
