package org.wanda4j.serve;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.text.ChatTemplate;

/// A model behind HTTP: OpenAI's interface under `/v1`, a page to chat at `/`, `/health`, and `/metrics` for Prometheus.
///
/// The JDK's server, with a virtual thread for each request; concurrent requests are decoded in one batch.
///
/// The JDK's server reads its limits once, from properties of the whole process. This class sets three of them when it is first
/// used, unless the host program has: `sun.net.httpserver.nodelay` (true), `sun.net.httpserver.maxReqTime` (60 seconds) and
/// `jdk.httpserver.maxConnections` (1000). A host program that uses the JDK's server before has to set them itself.
public final class Server implements AutoCloseable {

    private static final int SECONDS_TO_CLOSE = 5;

    private static final int HELD_SHARE = 4; // of the heap, for HeldBytes
    private static final int BIND_ATTEMPTS = 10; // for one port that is free on several addresses
    private static final String LOCALHOST = "localhost";

    /// How long a write may wait for the client to read.
    private static final Duration WRITE_TIMEOUT = Duration.ofSeconds(30);

    static {
        // The JDK's server reads these once: no Nagle delay, seconds for a request to arrive,
        // connections.
        setUnlessSet("sun.net.httpserver.nodelay", "true");
        setUnlessSet("sun.net.httpserver.maxReqTime", "60");
        setUnlessSet("jdk.httpserver.maxConnections", "1000");
    }

    private final List<HttpServer> listening;
    private final ExecutorService threads;
    private final CompletionHandler completions;
    private final WriteTimeout timeout;

    /// How a model is served.
    ///
    /// @param address where to listen; port 0 takes a free one, and the name `localhost` is both of this machine's own addresses,
    ///     127.0.0.1 and ::1
    /// @param key API key that clients send as a bearer token; where it is empty, none is needed
    /// @param name of the model in requests and responses
    /// @param longestAnswer most tokens of a completion
    /// @param largestBody most bytes of a request's body
    /// @param origins of web pages of other servers that may use this one, such as `http://localhost:3000`, or `*` for all
    /// @param requestLog receives a line for each request that was answered, on the request's thread; empty for none
    public record Settings(
            InetSocketAddress address,
            Optional<String> key,
            String name,
            int longestAnswer,
            int largestBody,
            Set<String> origins,
            Optional<Consumer<String>> requestLog) {

        private static final Pattern ORIGIN =
                Pattern.compile("\\*|null|[a-z][a-z0-9+.-]*://[^/\\s]+");

        /// No origins and no log.
        public Settings(
                InetSocketAddress address,
                Optional<String> key,
                String name,
                int longestAnswer,
                int largestBody) {
            this(address, key, name, longestAnswer, largestBody, Set.of(), Optional.empty());
        }

        /// Checks the values.
        ///
        /// @throws InvalidInputException when one is invalid
        public Settings {
            check(!address.isUnresolved(), "there is no host " + address.getHostString());
            check(key.filter(String::isBlank).isEmpty(), "the API key must not be empty");
            check(longestAnswer >= 1, "the longest answer must have a token at least");
            check(largestBody >= 1, "the largest body must have a byte at least");
            origins = Set.copyOf(origins);
            for (String origin : origins) {
                check(
                        ORIGIN.matcher(origin).matches(),
                        "an origin is written as http://localhost:3000, without a path, or as * for all, not as '%s'"
                                .formatted(origin));
            }
        }

        private static void check(boolean valid, String otherwise) {
            if (!valid) {
                throw new InvalidInputException(otherwise);
            }
        }
    }

    private Server(
            List<HttpServer> listening,
            ExecutorService threads,
            CompletionHandler completions,
            WriteTimeout timeout) {
        this.listening = listening;
        this.threads = threads;
        this.completions = completions;
        this.timeout = timeout;
    }

    private static void setUnlessSet(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    /// Starts to listen.
    ///
    /// @param model stays open as long as this
    /// @param template of conversations; without one, `/v1/chat/completions` is refused
    /// @throws InvalidInputException when the address is not free
    public static Server start(
            LanguageModel model, Optional<ChatTemplate> template, Settings settings) {
        var timeout = new WriteTimeout(WRITE_TIMEOUT);
        var heldLogprobs = new HeldBytes(Runtime.getRuntime().maxMemory() / HELD_SHARE);
        var metrics = new Metrics(model, heldLogprobs);
        var completions = new CompletionHandler(model, metrics, heldLogprobs);
        var reader =
                new CompletionRequestReader(
                        model, template, settings.name(), settings.longestAnswer());
        var api = new Api(settings, model.context(), timeout, reader, metrics, completions);
        List<HttpServer> listening = listen(settings.address());
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        try {
            for (HttpServer http : listening) {
                http.setExecutor(threads);
                http.createContext("/", api);
                http.start();
            }
        } catch (RuntimeException | Error e) { // such as no more threads
            listening.forEach(http -> http.stop(0));
            threads.close();
            throw e;
        }
        return new Server(listening, threads, completions, timeout);
    }

    /// Servers that listen at `address`, all on one port where the name has several addresses.
    private static List<HttpServer> listen(InetSocketAddress address) {
        for (int attempts = 1; ; attempts++) {
            List<HttpServer> listening = new ArrayList<>();
            int port = address.getPort();
            try {
                for (InetAddress each : addresses(address)) {
                    listening.add(HttpServer.create(new InetSocketAddress(each, port), 0));
                    port = listening.getFirst().getAddress().getPort();
                }
                return listening;
            } catch (IOException e) {
                listening.forEach(http -> http.stop(0));
                if (address.getPort() != 0 || listening.isEmpty() || attempts == BIND_ATTEMPTS) {
                    throw new InvalidInputException(
                            "cannot listen on %s:%d: %s; another port may be free"
                                    .formatted(address.getHostString(), port, e.getMessage()),
                            e);
                }
            }
        }
    }

    private static List<InetAddress> addresses(InetSocketAddress address) throws IOException {
        if (!address.getHostString().equals(LOCALHOST)) {
            return List.of(address.getAddress());
        }
        List<InetAddress> here = new ArrayList<>();
        for (String each : List.of("127.0.0.1", "::1")) {
            InetAddress loopback = InetAddress.getByName(each);
            if (NetworkInterface.getByInetAddress(loopback) != null) {
                here.add(loopback);
            }
        }
        return here.isEmpty() ? List.of(address.getAddress()) : here;
    }

    /// The address it listens at; the first one where there are several.
    public InetSocketAddress address() {
        return listening.getFirst().getAddress();
    }

    /// Stops listening, and ends running completions with an error response.
    @Override
    public void close() {
        completions.close();
        listening.forEach(http -> http.stop(SECONDS_TO_CLOSE));
        threads.close();
        timeout.close();
    }
}
