package org.wanda4j.serve;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.wanda4j.checkpoint.Json;

/// Answers calls, each in a thread of its own.
final class Api implements HttpHandler {

    private static final String MODELS = "/v1/models";
    private static final String CHAT = "/v1/chat/completions";
    private static final String COMPLETIONS = "/v1/completions";
    private static final String GET = "GET";
    private static final String POST = "POST";
    private static final Map<String, String> METHODS =
            Map.of(
                    "/",
                    GET,
                    "/health",
                    GET,
                    "/metrics",
                    GET,
                    MODELS,
                    GET,
                    CHAT,
                    POST,
                    COMPLETIONS,
                    POST);
    private static final System.Logger LOG = System.getLogger("org.wanda4j.serve");
    private static final Set<String> OPEN_TO_ALL = Set.of("/", "/health");
    private static final String POLICY =
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:;"
                    + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private final Server.Settings settings;
    private final WriteLimit limit;
    private final CallReader reader;
    private final Guard guard;
    private final Metrics metrics;
    private final Answering answering;
    private final ModelEntry entry;
    private final byte[] page = readPage();

    /// What `/health` tells.
    record Health(String status) {}

    /// What `/v1/models` tells.
    record ModelList(String object, List<ModelEntry> data) {}

    /// A model.
    record ModelEntry(
            String id, String object, long created, @JsonProperty("owned_by") String ownedBy) {}

    Api(
            Server.Settings settings,
            WriteLimit limit,
            CallReader reader,
            Metrics metrics,
            Answering answering) {
        this.settings = settings;
        this.limit = limit;
        this.reader = reader;
        this.guard = new Guard(settings);
        this.metrics = metrics;
        this.answering = answering;
        this.entry =
                new ModelEntry(settings.name(), "model", Instant.now().getEpochSecond(), "wanda4j");
    }

    private static byte[] readPage() {
        try (InputStream page = Api.class.getResourceAsStream("chat.html")) {
            return page.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void handle(HttpExchange http) {
        long start = System.nanoTime();
        var call = new Call(http, limit);
        String path = METHODS.containsKey(call.path()) ? call.path() : "other";
        try (call) {
            answer(call, path);
        } catch (IOException e) {
            // The caller left, or does not read; the call's status says so.
        } finally {
            metrics.answered(path, call.status(), (System.nanoTime() - start) / 1e9);
        }
    }

    private void answer(Call call, String path) throws IOException {
        try {
            route(call);
        } catch (ApiError e) {
            fail(call, e);
        } catch (RuntimeException | Error e) {
            String number = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
            LOG.log(Level.ERROR, "fault %s, at %s".formatted(number, path), e);
            fail(
                    call,
                    ApiError.ofServer(
                            500, "the server failed; its log has the reason, as fault " + number));
        }
    }

    private static void fail(Call call, ApiError error) throws IOException {
        Map<String, String> headers =
                switch (error.status()) {
                    case 401 -> Map.of("WWW-Authenticate", "Bearer");
                    case 405 -> Map.of("Allow", String.join(", ", allowed(method(call))));
                    case 429, 503 -> Map.of("Retry-After", "1");
                    default -> Map.of();
                };
        byte[] body = Json.writeLine(error.body()).getBytes(StandardCharsets.UTF_8);
        call.answer(error.status(), Call.JSON, body, headers);
    }

    private void route(Call call) throws IOException {
        String path = call.path();
        guard.checkHost(call);
        if (!OPEN_TO_ALL.contains(path)) {
            guard.checkKey(call);
        }
        if (path.startsWith(MODELS + "/")) {
            checkMethod(call, GET);
            reader.checkModel(path.substring(MODELS.length() + 1));
            call.answer(200, entry);
            return;
        }
        if (!METHODS.containsKey(path)) {
            throw ApiError.invalid(404, "there is nothing at " + path);
        }
        checkMethod(call, METHODS.get(path));
        switch (path) {
            case "/" ->
                    call.answer(
                            200,
                            "text/html; charset=utf-8",
                            page,
                            Map.of("Content-Security-Policy", POLICY));
            case "/health" -> call.answer(200, health());
            case "/metrics" -> call.answer(200, metrics.type(), metrics.text(), Map.of());
            case MODELS -> call.answer(200, new ModelList("list", List.of(entry)));
            case CHAT -> answering.answer(call, reader.chat(body(call)));
            default -> answering.answer(call, reader.completion(body(call)));
        }
    }

    /// @throws ApiError when the model does not decode any more
    private Health health() {
        answering.checkModel();
        return new Health("ok");
    }

    private static String method(Call call) {
        return METHODS.getOrDefault(call.path(), GET);
    }

    private static void checkMethod(Call call, String method) {
        if (!allowed(method).contains(call.method())) {
            String those = String.join(" and ", allowed(method));
            throw ApiError.invalid(405, "%s is for %s alone".formatted(call.path(), those));
        }
    }

    /// What GET gives, HEAD gives the headers of.
    private static List<String> allowed(String method) {
        return method.equals(GET) ? List.of(GET, "HEAD") : List.of(method);
    }

    private byte[] body(Call call) throws IOException {
        guard.checkType(call);
        return call.read(settings.largestBody());
    }
}
