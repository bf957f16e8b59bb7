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

/// Routes exchanges, each in a thread of its own, and turns errors into responses.
final class Api implements HttpHandler {

    private static final String MODELS = "/v1/models";
    private static final String CHAT = "/v1/chat/completions";
    private static final String COMPLETIONS = "/v1/completions";
    private static final String GET = "GET";
    private static final String POST = "POST";
    private static final Map<String, String> METHODS_BY_PATH =
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
    private static final Set<String> WITHOUT_KEY = Set.of("/", "/health");
    private static final String CONTENT_SECURITY_POLICY =
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:;"
                    + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private final Server.Settings settings;
    private final WriteTimeout timeout;
    private final CompletionRequestReader reader;
    private final Guard guard;
    private final Metrics metrics;
    private final CompletionHandler completions;
    private final ModelEntry entry;
    private final byte[] page = readPage();

    /// Response of `/health`.
    record Health(String status) {}

    /// Response of `/v1/models`.
    record ModelList(String object, List<ModelEntry> data) {}

    /// A model in that list.
    ///
    /// @param created seconds since 1970
    record ModelEntry(
            String id, String object, long created, @JsonProperty("owned_by") String ownedBy) {}

    Api(
            Server.Settings settings,
            WriteTimeout timeout,
            CompletionRequestReader reader,
            Metrics metrics,
            CompletionHandler completions) {
        this.settings = settings;
        this.timeout = timeout;
        this.reader = reader;
        this.guard = new Guard(settings);
        this.metrics = metrics;
        this.completions = completions;
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
        var exchange = new Exchange(http, timeout);
        String path = METHODS_BY_PATH.containsKey(exchange.path()) ? exchange.path() : "other";
        try (exchange) {
            respond(exchange, path);
        } catch (IOException e) {
            // The client disconnected, or does not read: status 499.
        } finally {
            metrics.responded(path, exchange.status(), (System.nanoTime() - start) / 1e9);
        }
    }

    private void respond(Exchange exchange, String path) throws IOException {
        try {
            route(exchange);
        } catch (ApiException e) {
            fail(exchange, e);
        } catch (RuntimeException | Error e) {
            String number = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
            LOG.log(Level.ERROR, "fault %s, at %s".formatted(number, path), e);
            fail(
                    exchange,
                    ApiException.ofServer(
                            500, "the server failed; its log has the reason, as fault " + number));
        }
    }

    private static void fail(Exchange exchange, ApiException error) throws IOException {
        Map<String, String> headers =
                switch (error.status()) {
                    case 401 -> Map.of("WWW-Authenticate", "Bearer");
                    case 405 -> Map.of("Allow", String.join(", ", allowed(method(exchange))));
                    case 429, 503 -> Map.of("Retry-After", "1");
                    default -> Map.of();
                };
        byte[] body = Json.writeLine(error.body()).getBytes(StandardCharsets.UTF_8);
        exchange.respond(error.status(), Exchange.JSON, body, headers);
    }

    private void route(Exchange exchange) throws IOException {
        String path = exchange.path();
        guard.checkHost(exchange);
        if (!WITHOUT_KEY.contains(path)) {
            guard.checkKey(exchange);
        }
        if (path.startsWith(MODELS + "/")) {
            checkMethod(exchange, GET);
            reader.checkModel(path.substring(MODELS.length() + 1));
            exchange.respond(200, entry);
            return;
        }
        if (!METHODS_BY_PATH.containsKey(path)) {
            throw ApiException.invalid(404, "there is nothing at " + path);
        }
        checkMethod(exchange, METHODS_BY_PATH.get(path));
        switch (path) {
            case "/" ->
                    exchange.respond(
                            200,
                            "text/html; charset=utf-8",
                            page,
                            Map.of("Content-Security-Policy", CONTENT_SECURITY_POLICY));
            case "/health" -> exchange.respond(200, health());
            case "/metrics" -> exchange.respond(200, metrics.type(), metrics.text(), Map.of());
            case MODELS -> exchange.respond(200, new ModelList("list", List.of(entry)));
            case CHAT -> completions.handle(exchange, reader.chat(body(exchange)));
            default -> completions.handle(exchange, reader.completion(body(exchange)));
        }
    }

    /// @throws ApiException with status 503 when the model cannot generate any more
    private Health health() {
        completions.checkModel();
        return new Health("ok");
    }

    private static String method(Exchange exchange) {
        return METHODS_BY_PATH.getOrDefault(exchange.path(), GET);
    }

    private static void checkMethod(Exchange exchange, String method) {
        if (!allowed(method).contains(exchange.method())) {
            String methods = String.join(" and ", allowed(method));
            throw ApiException.invalid(
                    405, "%s is for %s alone".formatted(exchange.path(), methods));
        }
    }

    /// HEAD is allowed wherever GET is: it gives the headers of that response.
    private static List<String> allowed(String method) {
        return method.equals(GET) ? List.of(GET, "HEAD") : List.of(method);
    }

    private byte[] body(Exchange exchange) throws IOException {
        guard.checkType(exchange);
        return exchange.read(settings.largestBody());
    }
}
