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
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Json;

/// Routes exchanges, each in a thread of its own, and turns errors into responses.
final class Api implements HttpHandler {

    private static final String MODELS = "/v1/models";
    private static final String CHAT = "/v1/chat/completions";
    private static final String COMPLETIONS = "/v1/completions";
    private static final String TOKENIZE = "/tokenize";
    private static final String DETOKENIZE = "/detokenize";
    private static final String VERSION = "/v1";
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
                    POST,
                    TOKENIZE,
                    POST,
                    DETOKENIZE,
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
    /// @param maxModelLength tokens of a prompt and its answer, as vLLM names it
    /// @param contextLength the same, as others do
    record ModelEntry(
            String id,
            String object,
            long created,
            @JsonProperty("owned_by") String ownedBy,
            @JsonProperty("max_model_len") int maxModelLength,
            @JsonProperty("context_length") int contextLength) {}

    /// @param context of the model, in tokens
    Api(
            Server.Settings settings,
            int context,
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
                new ModelEntry(
                        settings.name(),
                        "model",
                        Instant.now().getEpochSecond(),
                        "wanda4j",
                        context,
                        context);
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
        String path = path(exchange);
        String label = METHODS_BY_PATH.containsKey(path) ? path : "other";
        try (exchange) {
            respond(exchange, path, label);
        } catch (IOException e) {
            // The client disconnected, or does not read: status 499.
        } finally {
            double seconds = (System.nanoTime() - start) / 1e9;
            metrics.responded(label, exchange.status(), seconds);
            settings.requestLog().ifPresent(log -> log.accept(exchange.line(seconds)));
        }
    }

    /// The path by which the interface names what is asked for: trailing slashes do not count, and `/v1` may be missing or too much, as
    /// clients differ in what they take as the base address.
    private static String path(Exchange exchange) {
        String path = exchange.path();
        while (path.endsWith("/")) {
            path = path.substring(0, path.length() - 1);
        }
        String without = path.startsWith(VERSION + "/") ? path.substring(VERSION.length()) : path;
        return Stream.of(path, VERSION + path, without)
                .filter(each -> METHODS_BY_PATH.containsKey(each) || each.startsWith(MODELS + "/"))
                .findFirst()
                .orElse(path.isEmpty() ? "/" : path);
    }

    private void respond(Exchange exchange, String path, String label) throws IOException {
        try {
            guard.letIn(exchange);
            if (guard.isPreflight(exchange)) {
                guard.respondToPreflight(exchange);
            } else {
                route(exchange, path);
            }
        } catch (ApiException e) {
            fail(exchange, path, e);
        } catch (RuntimeException | Error e) {
            String number = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
            LOG.log(Level.ERROR, "fault %s, at %s".formatted(number, label), e);
            fail(
                    exchange,
                    path,
                    ApiException.ofServer(
                            500, "the server failed; its log has the reason, as fault " + number));
        }
    }

    private static void fail(Exchange exchange, String path, ApiException error)
            throws IOException {
        Map<String, String> headers =
                switch (error.status()) {
                    case 401 -> Map.of("WWW-Authenticate", "Bearer");
                    case 405 -> Map.of("Allow", String.join(", ", allowed(method(path))));
                    case 429, 503 -> Map.of("Retry-After", "1");
                    default -> Map.of();
                };
        byte[] body = Json.writeLine(error.body()).getBytes(StandardCharsets.UTF_8);
        exchange.respond(error.status(), Exchange.JSON, body, headers);
    }

    private void route(Exchange exchange, String path) throws IOException {
        guard.checkHost(exchange);
        if (!WITHOUT_KEY.contains(path)) {
            guard.checkKey(exchange);
        }
        if (path.startsWith(MODELS + "/")) {
            checkMethod(exchange, path, GET);
            reader.checkModel(path.substring(MODELS.length() + 1));
            exchange.respond(200, entry);
            return;
        }
        if (!METHODS_BY_PATH.containsKey(path)) {
            throw ApiException.invalid(
                    404, "there is nothing at %s; chats are at %s".formatted(path, CHAT));
        }
        checkMethod(exchange, path, METHODS_BY_PATH.get(path));
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
            case TOKENIZE -> exchange.respond(200, reader.tokenize(body(exchange)));
            case DETOKENIZE -> exchange.respond(200, reader.detokenize(body(exchange)));
            case CHAT -> completions.handle(exchange, reader.chat(body(exchange)));
            default -> completions.handle(exchange, reader.completion(body(exchange)));
        }
    }

    /// @throws ApiException with status 503 when the model cannot generate any more
    private Health health() {
        completions.checkModel();
        return new Health("ok");
    }

    private static String method(String path) {
        return METHODS_BY_PATH.getOrDefault(path, GET);
    }

    private static void checkMethod(Exchange exchange, String path, String method) {
        if (!allowed(method).contains(exchange.method())) {
            String methods = String.join(" and ", allowed(method));
            throw ApiException.invalid(405, "%s is for %s alone".formatted(path, methods));
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
