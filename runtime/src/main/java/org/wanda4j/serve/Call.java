package org.wanda4j.serve;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.checkpoint.Json;

/// One HTTP request and its answer: at once, or begun early and kept alive where it takes a while.
final class Call implements AutoCloseable {

    static final String JSON = "application/json";

    /// How long nothing is sent before something without a meaning is, to see whether the caller is still there.
    static final Duration QUIET = Duration.ofSeconds(1);

    private static final String EVENTS = "text/event-stream; charset=utf-8";
    private static final int IN_PARTS = 0; // as the length of a body
    private static final int NOTHING = -1; // so
    private static final int PIECE = 1 << 13;
    private static final int DRAINED = 1 << 10; // pieces, 8 MiB
    private static final int LEFT = 499; // as others note that the caller left

    private final HttpExchange http;
    private final WriteLimit limit;
    private Optional<OutputStream> body = Optional.empty();
    private boolean events;
    private int status = LEFT;
    private long sent = System.nanoTime();

    /// @param limit how long the caller may not read
    Call(HttpExchange http, WriteLimit limit) {
        this.http = http;
        this.limit = limit;
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

    /// What was answered; 499 where the caller left before.
    int status() {
        return status;
    }

    /// What the caller sent, at most `largest` bytes.
    byte[] read(int largest) throws IOException {
        InputStream in = http.getRequestBody();
        byte[] read = in.readNBytes(largest);
        if (in.read() >= 0) {
            // A caller that is still sending does not hear what it is told.
            for (int i = 0; i < DRAINED && in.readNBytes(PIECE).length == PIECE; i++) {}
            throw ApiError.invalid(413, "the body is larger than %,d bytes".formatted(largest));
        }
        return read;
    }

    /// Answers with `value` as JSON.
    void answer(int code, Object value) throws IOException {
        answer(code, JSON, bytes(Json.writeLine(value)), Map.of());
    }

    /// Answers. Where the answer has begun already, its code and headers stand, and `content` ends it.
    void answer(int code, String type, byte[] content, Map<String, String> headers)
            throws IOException {
        if (events) {
            end(new String(content, StandardCharsets.UTF_8));
        } else {
            if (body.isEmpty()) {
                headers.forEach(http.getResponseHeaders()::set);
                begin(type, code, content.length);
            }
            if (!isHead()) {
                limit.write(body.orElseThrow(), content);
            }
            limit.run(body.orElseThrow()::close);
        }
        status = code;
    }

    /// Whether the answer is its headers alone.
    private boolean isHead() {
        return method().equals("HEAD");
    }

    /// Begins an answer of server-sent events.
    void beginEvents() throws IOException {
        events = true;
        http.getResponseHeaders().set("Cache-Control", "no-cache");
        http.getResponseHeaders().set("X-Accel-Buffering", "no");
        begin(EVENTS, 200, IN_PARTS);
    }

    /// Sends an event.
    void event(String data) throws IOException {
        send("data: " + data + "\n\n");
    }

    /// Sends the last event.
    void end(String data) throws IOException {
        event(data);
        limit.run(body.orElseThrow()::close);
        status = 200;
    }

    /// Sends something without a meaning where nothing was sent for a while: a comment among events, white space before
    /// JSON.
    ///
    /// @throws IOException when the caller left
    void keepAlive() throws IOException {
        if (System.nanoTime() - sent >= QUIET.toNanos()) {
            if (body.isEmpty()) {
                begin(JSON, 200, IN_PARTS);
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
        limit.run(() -> http.sendResponseHeaders(code, isHead() ? NOTHING : length));
        body = Optional.of(http.getResponseBody());
    }

    private void send(String text) throws IOException {
        limit.write(body.orElseThrow(), bytes(text));
        limit.run(body.orElseThrow()::flush);
        sent = System.nanoTime();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
        limit.run(http::close); // writes what is left
    }
}
