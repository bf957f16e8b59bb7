package org.wanda4j;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// A headless Chromium with one page, driven by its DevTools protocol.
public final class Browser implements AutoCloseable {

    /// No page takes so long, on a busy machine either.
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private static final String LISTENING = "DevTools listening on ws://";

    private final Process process;
    private final HttpClient client = HttpClient.newHttpClient();
    private final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
    private final WebSocket socket;
    private int calls;

    private Browser(Process process, String address) throws IOException, InterruptedException {
        this.process = process;
        HttpRequest list =
                HttpRequest.newBuilder(URI.create("http://" + address + "/json/list")).build();
        String pages = client.send(list, HttpResponse.BodyHandlers.ofString()).body();
        String page =
                first(
                        Json.parse(
                                ("{\"pages\":" + pages + "}").getBytes(StandardCharsets.UTF_8),
                                "pages"));
        this.socket =
                client.newWebSocketBuilder().buildAsync(URI.create(page), new Collector()).join();
    }

    private static String first(JsonNode pages) {
        return pages.get("pages")
                .valueStream()
                .filter(page -> page.get("type").asString().equals("page"))
                .findFirst()
                .orElseThrow()
                .get("webSocketDebuggerUrl")
                .asString();
    }

    private final class Collector implements WebSocket.Listener {

        private final StringBuilder message = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
            message.append(part);
            if (last) {
                messages.add(message.toString());
                message.setLength(0);
            }
            return WebSocket.Listener.super.onText(from, part, last);
        }
    }

    /// The name of [#isThere()], for conditions of tests.
    public static final String IS_THERE = "org.wanda4j.Browser#isThere";

    /// Why a test is skipped.
    public static final String ABSENT =
            "no chromium on this machine: install it (Debian, Ubuntu: apt-get install chromium)";

    public static boolean isThere() {
        return Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "chromium")));
    }

    public static Browser open(Path profile, String url) throws IOException, InterruptedException {
        Process process =
                new ProcessBuilder(
                                "chromium",
                                "--headless",
                                "--no-sandbox",
                                "--disable-gpu",
                                "--disable-quic",
                                "--no-first-run",
                                "--disable-background-networking",
                                "--disable-component-update",
                                "--disable-sync",
                                "--remote-debugging-port=0",
                                "--user-data-dir=" + profile,
                                url)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        // The reader stays open: a browser that cannot write its messages would end.
        BufferedReader lines = process.errorReader(StandardCharsets.UTF_8);
        Optional<String> address =
                lines.lines()
                        .filter(line -> line.startsWith(LISTENING))
                        .map(line ->
                                line.substring(
                                        LISTENING.length(), line.indexOf('/', LISTENING.length())))
                        .findFirst();
        Thread.ofVirtual().start(() -> lines.lines().forEach(_ -> {}));
        var browser = new Browser(process, address.orElseThrow());
        try {
            browser.call("Runtime.enable", Map.of()); // Tells what scripts throw, and threw before.
            return browser;
        } catch (InterruptedException | RuntimeException | Error e) {
            browser.close();
            throw e;
        }
    }

    /// What an expression of the page has for a value.
    public String evaluate(String expression) throws InterruptedException {
        JsonNode answer = run(expression);
        if (!answer.has("result") || answer.get("result").has("exceptionDetails")) {
            throw new AssertionError(answer.toString());
        }
        return answer.get("result").path("result").path("value").asString("");
    }

    /// Waits until the page is there and an expression is true.
    public void await(String expression) throws InterruptedException {
        String promise =
                "new Promise(done => { const look = () =>"
                        + " document.readyState === 'complete' && (%s) ? done(true) : setTimeout(look, 20); look(); })";
        JsonNode answer = run(promise.formatted(expression));
        while (!answer.path("result").path("result").path("value").asBoolean(false)) {
            answer = run(promise.formatted(expression)); // The page before was left meanwhile.
        }
    }

    private JsonNode run(String expression) throws InterruptedException {
        return call(
                "Runtime.evaluate",
                Map.of("expression", expression, "awaitPromise", true, "returnByValue", true));
    }

    /// Types a text where the cursor is, and the enter key.
    public void type(String text) throws InterruptedException {
        call("Input.insertText", Map.of("text", text));
        for (String type : new String[] {"keyDown", "keyUp"}) {
            call(
                    "Input.dispatchKeyEvent",
                    Map.of(
                            "type",
                            type,
                            "text",
                            "\r",
                            "key",
                            "Enter",
                            "code",
                            "Enter",
                            "windowsVirtualKeyCode",
                            13));
        }
    }

    /// Calls a method of the protocol and waits for its answer.
    ///
    /// @throws AssertionError when the page's script throws something, or no answer comes
    public JsonNode call(String method, Map<String, ?> parameters) throws InterruptedException {
        int id = ++calls;
        String text = Json.writeLine(Map.of("id", id, "method", method, "params", parameters));
        socket.sendText(text, true).join();
        while (true) {
            String message = messages.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            if (message == null) {
                throw new AssertionError("no answer to " + text);
            }
            JsonNode json = Json.parse(message.getBytes(StandardCharsets.UTF_8), method);
            if (json.path("method").asString("").equals("Runtime.exceptionThrown")) {
                throw new AssertionError(message);
            }
            if (json.path("id").asInt(0) == id) {
                return json;
            }
        }
    }

    @Override
    public void close() {
        socket.abort();
        client.close();
        process.descendants().forEach(ProcessHandle::destroy);
        process.destroy();
        process.onExit().join();
    }
}
