package org.wanda4j.serve;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.runtime.Generation;

/// One HTTP request and its response. A response that takes a while is begun early and kept alive, by white space before JSON or by
/// comments among server-sent events, so that a client that disconnected is noticed.
final class Exchange implements AutoCloseable {

    static final String JSON = "application/json";

    /// After how long without output [#keepAlive()] sends something.
    static final Duration KEEP_ALIVE = Duration.ofSeconds(1);

    private static final String EVENT_STREAM = "text/event-stream; charset=utf-8";

    // Lengths of a body, as HttpExchange.sendResponseHeaders takes them.
    private static final int CHUNKED = 0;
    private static final int NO_BODY = -1;

    private static final int DRAIN_BYTES = 1 << 13;
    private static final int LONGEST_PATH = 200; // in a log
    private static final int DRAIN_READS = 1 << 10; // 8 MiB in all

    /// Nginx's status of a client that disconnected before it had its response.
    private static final int CLIENT_CLOSED_REQUEST = 499;

    private final HttpExchange http;
    private final WriteTimeout timeout;
    private Optional<OutputStream> body = Optional.empty();
    private boolean events;
    private int status = CLIENT_CLOSED_REQUEST;
    private long lastSent = System.nanoTime();
    private int promptTokens;
    private int answerTokens;

    /// @param timeout of each write
    Exchange(HttpExchange http, WriteTimeout timeout) {
        this.http = http;
        this.timeout = timeout;
    }

    String method() {
        return http.getRequestMethod();
    }

    String path() {
        return Optional.ofNullable(http.getRequestURI().getPath()).orElse("");
    }

    Optional<String> header(String name) {
        return Optional.ofNullable(http.getRequestHeaders().getFirst(name));
    }

    void setHeader(String name, String value) {
        http.getResponseHeaders().set(name, value);
    }

    /// Counts the tokens of a completion, for [#line].
    void generated(Generation generation) {
        promptTokens += generation.promptTokens();
        answerTokens += generation.tokens();
    }

    /// The exchange as a line of a log, without anything of its texts.
    String line(double seconds) {
        String tokens =
                promptTokens == 0
                        ? ""
                        : " %d prompt tokens %d answer tokens"
                                .formatted(promptTokens, answerTokens);
        return "%s %s %s %s %d%s %.3f s"
                .formatted(
                        Instant.now().truncatedTo(ChronoUnit.MILLIS),
                        http.getRemoteAddress().getAddress().getHostAddress(),
                        method(),
                        printable(
                                Optional.ofNullable(http.getRequestURI().getRawPath()).orElse("")),
                        status,
                        tokens,
                        seconds);
    }

    private static String printable(String text) {
        String visible = text.replaceAll("[^!-~]", "?");
        return visible.substring(0, Math.min(visible.length(), LONGEST_PATH));
    }

    /// Status of the response; 499 where it was not sent to its end.
    int status() {
        return status;
    }

    /// Reads the request's body.
    ///
    /// @throws ApiException with status 413 when it has more than `largest` bytes
    byte[] read(int largest) throws IOException {
        InputStream in = http.getRequestBody();
        byte[] read = in.readNBytes(largest);
        if (in.read() >= 0) {
            // A client reads the response after it has sent its body: up to 8 MiB of the rest are
            // read and dropped.
            for (int i = 0;
                    i < DRAIN_READS && in.readNBytes(DRAIN_BYTES).length == DRAIN_BYTES;
                    i++) {}
            throw ApiException.invalid(413, "the body is larger than %,d bytes".formatted(largest));
        }
        return read;
    }

    /// Responds with `value` as JSON.
    void respond(int code, Object value) throws IOException {
        respond(code, JSON, bytes(Json.writeLine(value)), Map.of());
    }

    /// Responds. Where the response was begun before, its code and headers stay, and `content` ends it.
    void respond(int code, String type, byte[] content, Map<String, String> headers)
            throws IOException {
        if (events) {
            endEvents(new String(content, StandardCharsets.UTF_8));
        } else {
            if (body.isEmpty()) {
                headers.forEach(http.getResponseHeaders()::set);
                begin(type, code, content.length);
            }
            if (!isHead()) {
                timeout.write(body.orElseThrow(), content);
            }
            timeout.run(body.orElseThrow()::close);
        }
        status = code;
    }

    /// Responds without a body.
    void respondEmpty(int code) throws IOException {
        timeout.run(() -> http.sendResponseHeaders(code, NO_BODY));
        status = code;
    }

    /// Responds with `value` as JSON, which is sent as it is written and never in memory as a whole.
    void respondInPieces(int code, Object value) throws IOException {
        if (body.isEmpty()) {
            begin(JSON, code, CHUNKED);
        }
        Json.writeLine(value, timeout.limit(body.orElseThrow()));
        status = code;
    }

    private boolean isHead() {
        return method().equals("HEAD");
    }

    /// Begins a response of server-sent events.
    void beginEvents() throws IOException {
        events = true;
        http.getResponseHeaders().set("Cache-Control", "no-cache");
        http.getResponseHeaders().set("X-Accel-Buffering", "no");
        begin(EVENT_STREAM, 200, CHUNKED);
    }

    /// Sends an event.
    void event(String data) throws IOException {
        send("data: " + data + "\n\n");
    }

    /// Sends the last event.
    void endEvents(String data) throws IOException {
        event(data);
        timeout.run(body.orElseThrow()::close);
        status = 200;
    }

    /// Sends a comment among events, or white space before JSON, where nothing was sent for [#KEEP_ALIVE].
    ///
    /// @throws IOException when the client disconnected
    void keepAlive() throws IOException {
        if (System.nanoTime() - lastSent >= KEEP_ALIVE.toNanos()) {
            if (body.isEmpty()) {
                begin(JSON, 200, CHUNKED);
            }
            send(events ? ":\n\n" : "\n");
        }
    }

    private void begin(String type, int code, int length) throws IOException {
        http.getResponseHeaders().set("Content-Type", type);
        http.getResponseHeaders().set("X-Content-Type-Options", "nosniff");
        if (isHead()) {
            http.getResponseHeaders().set("Content-Length", "" + length);
        }
        timeout.run(() -> http.sendResponseHeaders(code, isHead() ? NO_BODY : length));
        body = Optional.of(http.getResponseBody());
    }

    private void send(String text) throws IOException {
        timeout.write(body.orElseThrow(), bytes(text));
        timeout.run(body.orElseThrow()::flush);
        lastSent = System.nanoTime();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
        timeout.run(http::close); // flushes
    }
}
