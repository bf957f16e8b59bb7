package org.wanda4j.serve;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.text.ChatTemplate;

/// A model behind HTTP: OpenAI's interface under `/v1`, a page to chat at `/`, `/health`, and `/metrics` for Prometheus.
///
/// The JDK's server, with a virtual thread for each call; what is asked for at the same time is decoded together.
public final class Server implements AutoCloseable {

    private static final int SECONDS_TO_CLOSE = 5;

    static {
        // Read once, by the JDK's server: parts are sent at once, and a request has to arrive in a
        // minute.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        System.setProperty("sun.net.httpserver.maxReqTime", "60");
    }

    private final HttpServer http;
    private final ExecutorService threads;
    private final Answering answering;

    /// How a model is served.
    ///
    /// @param address where to listen; port 0 takes a free one
    /// @param key what callers present; everybody may call where it is empty
    /// @param name what callers call the model
    /// @param longestAnswer tokens that a caller may ask for
    /// @param largestBody bytes that a caller may send
    public record Settings(
            InetSocketAddress address,
            Optional<String> key,
            String name,
            int longestAnswer,
            int largestBody) {

        /// Checks them.
        ///
        /// @throws InvalidInputException when one cannot be used
        public Settings {
            check(!address.isUnresolved(), "there is no host " + address.getHostString());
            check(key.filter(String::isBlank).isEmpty(), "the API key must not be empty");
            check(longestAnswer >= 1, "the longest answer must have a token at least");
            check(largestBody >= 1, "the largest body must have a byte at least");
        }

        private static void check(boolean valid, String otherwise) {
            if (!valid) {
                throw new InvalidInputException(otherwise);
            }
        }
    }

    private Server(HttpServer http, ExecutorService threads, Answering answering) {
        this.http = http;
        this.threads = threads;
        this.answering = answering;
    }

    /// Starts to listen.
    ///
    /// @param model stays open as long as this
    /// @param template how conversations are written; without one there are completions only
    /// @throws InvalidInputException when the address is not free
    public static Server start(
            LanguageModel model, Optional<ChatTemplate> template, Settings settings) {
        var metrics = new Metrics(model);
        var answering = new Answering(model, metrics);
        var reader = new CallReader(model, template, settings.name(), settings.longestAnswer());
        var api = new Api(settings, reader, metrics, answering);
        HttpServer http = listen(settings.address());
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        http.setExecutor(threads);
        http.createContext("/", api);
        start(http, threads);
        return new Server(http, threads, answering);
    }

    private static void start(HttpServer http, ExecutorService threads) {
        try {
            http.start();
        } catch (RuntimeException | Error e) { // There may be no more threads.
            http.stop(0);
            threads.close();
            throw e;
        }
    }

    private static HttpServer listen(InetSocketAddress address) {
        try {
            return HttpServer.create(address, 0);
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot listen on %s:%d: %s; another port may be free"
                            .formatted(address.getHostString(), address.getPort(), e.getMessage()),
                    e);
        }
    }

    /// Where it listens.
    public InetSocketAddress address() {
        return http.getAddress();
    }

    /// Ends: answers that are being written are cut off, each with an error that says why.
    @Override
    public void close() {
        answering.close();
        http.stop(SECONDS_TO_CLOSE);
        threads.close();
    }
}
