package org.wanda4j.hub;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;

/// Requests to the hub.
///
/// Redirects are followed here, one by one: the token is for the hub alone, and no other host or port gets it.
final class HubClient implements AutoCloseable {

    static final int OK = 200;
    static final int PARTIAL = 206;

    private static final int LAST_PORT = 65_535;

    /// Bytes of an answer that is kept in memory.
    private static final int LARGEST_ANSWER = 16 << 20;

    private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
    private static final int MOST_REDIRECTS = 5;

    /// Fewer than of other failures: most often there is no network, and what is in the cache can stand in.
    private static final int ATTEMPTS_TO_CONNECT = 2;

    private static final Duration CONNECT = Duration.ofSeconds(10);
    private static final Duration TICK = Duration.ofMillis(200);

    private final HttpClient http =
            HttpClient.newBuilder()
                    .version(HttpClient.Version.HTTP_1_1)
                    .followRedirects(HttpClient.Redirect.NEVER)
                    .connectTimeout(CONNECT)
                    .build();
    private final HubId id;
    private final HubSettings settings;
    private final Patience patience;
    private final FetchProgress progress;

    /// @param id of the repository that is asked for
    HubClient(HubId id, HubSettings settings, Patience patience, FetchProgress progress) {
        this.id = id;
        this.settings = settings;
        this.patience = patience;
        this.progress = progress;
    }

    Patience patience() {
        return patience;
    }

    /// An address below the endpoint.
    ///
    /// @param path its parts, which are escaped
    URI address(String... path) {
        return URI.create(
                settings.endpoint()
                        + "/"
                        + Stream.of(path).map(HubClient::escape).collect(Collectors.joining("/")));
    }

    /// As one part of a path.
    private static String escape(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /// Whether an address is the hub's own.
    boolean isHub(URI address) {
        URI endpoint = settings.endpoint();
        return endpoint.getScheme().equalsIgnoreCase(address.getScheme())
                && endpoint.getHost().equalsIgnoreCase(address.getHost())
                && endpoint.getPort() == address.getPort();
    }

    /// Gets a document.
    ///
    /// @throws InvalidInputException when the hub refuses it
    /// @throws UnavailableException when it does not answer, or has a fault that may pass
    HttpResponse<byte[]> get(URI address) throws InterruptedException, UnavailableException {
        BodyHandler<byte[]> inMemory =
                BodyHandlers.limiting(BodyHandlers.ofByteArray(), LARGEST_ANSWER);
        for (int failures = 1; ; failures++) {
            try {
                HttpResponse<byte[]> response = send(address, 0, inMemory, () -> 0);
                if (response.statusCode() == OK) {
                    return response;
                }
                waitAfter(response, failures);
            } catch (IOException e) {
                boolean isThere =
                        !(e instanceof ConnectException
                                || e instanceof HttpConnectTimeoutException);
                if (failures >= (isThere ? patience.attempts() : ATTEMPTS_TO_CONNECT)) {
                    throw new UnavailableException(HubFailure.of(id, address, e));
                }
                progress.note(HubFailure.reason(address, e) + "; trying again");
                patience.waitAfter(failures);
            }
        }
    }

    /// Waits after an answer that is a failure, where it may pass.
    ///
    /// @param failures one after the other, this one included
    /// @throws InvalidInputException when the hub refuses the request
    /// @throws UnavailableException when there were too many failures, or the hub asks for too long a pause
    void waitAfter(HttpResponse<?> response, int failures)
            throws InterruptedException, UnavailableException {
        int status = response.statusCode();
        InvalidInputException failure =
                HubFailure.of(id, settings, response.uri(), status, response.headers());
        if (!HubFailure.isPassing(status)) {
            throw failure;
        }
        var pause = HubFailure.retryAfter(response.headers());
        if (failures >= patience.attempts()
                || pause.filter(it -> it.compareTo(patience.longestPause()) > 0).isPresent()) {
            throw new UnavailableException(failure);
        }
        if (pause.isPresent()) {
            progress.note(
                    "%s asks to wait %d s (%d)"
                            .formatted(response.uri().getHost(), pause.get().toSeconds(), status));
            Thread.sleep(pause.get());
        } else {
            patience.waitAfter(failures);
        }
    }

    /// Gets what is at `address`, or where it leads.
    ///
    /// @param from the first byte that is wanted
    /// @param received how many bytes have come so far; called several times a second
    /// @throws IOException when the connection fails, or nothing comes for too long
    <T> HttpResponse<T> send(URI address, long from, BodyHandler<T> handler, LongSupplier received)
            throws IOException, InterruptedException {
        URI at = address;
        for (int redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
            HttpResponse<T> response = await(request(at, from), handler, received);
            if (!REDIRECTS.contains(response.statusCode())) {
                return response;
            }
            at = target(response);
        }
        throw new IOException("more than " + MOST_REDIRECTS + " redirects");
    }

    private HttpRequest request(URI address, long from) {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(address)
                        .header("User-Agent", "wanda4j")
                        .header("Accept-Encoding", "identity");
        if (from > 0) {
            request.header("Range", "bytes=" + from + "-");
        }
        if (isHub(address)) {
            settings.token()
                    .ifPresent(it -> request.header("Authorization", "Bearer " + it.value()));
        }
        return request.build();
    }

    /// Whether `address` is one that can be asked.
    static boolean isWeb(URI address) {
        return ("https".equalsIgnoreCase(address.getScheme())
                        || "http".equalsIgnoreCase(address.getScheme()))
                && address.getHost() != null
                && address.getPort() <= LAST_PORT;
    }

    private URI target(HttpResponse<?> redirect) throws IOException {
        String location = redirect.headers().firstValue("Location").orElse("");
        URI target;
        try {
            target = redirect.uri().resolve(location);
        } catch (IllegalArgumentException e) {
            throw new IOException("a redirect to what is no address", e);
        }
        boolean loosens =
                "https".equalsIgnoreCase(redirect.uri().getScheme())
                        && !"https".equalsIgnoreCase(target.getScheme());
        if (location.isEmpty() || !isWeb(target) || loosens) {
            throw new InvalidInputException(
                    "%s: %s redirects to '%s', which is no address of a safe connection"
                            .formatted(id, redirect.uri().getHost(), location));
        }
        return target;
    }

    private <T> HttpResponse<T> await(
            HttpRequest request, BodyHandler<T> handler, LongSupplier received)
            throws IOException, InterruptedException {
        CompletableFuture<HttpResponse<T>> response = http.sendAsync(request, handler);
        long before = received.getAsLong();
        long lastByte = System.nanoTime();
        try {
            while (true) {
                try {
                    return response.get(TICK.toMillis(), TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    long now = received.getAsLong();
                    if (now != before) {
                        before = now;
                        lastByte = System.nanoTime();
                    } else if (System.nanoTime() - lastByte > patience.silence().toNanos()) {
                        throw new HttpTimeoutException("nothing comes");
                    }
                }
            }
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException failure -> throw failure;
                case RuntimeException failure -> throw failure;
                case Error failure -> throw failure;
                default -> throw new IllegalStateException(e.getCause());
            }
        } finally {
            response.cancel(true); // Ends the exchange where it is not done.
        }
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}
