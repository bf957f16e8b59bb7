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
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.text.ChatTemplate;

/// A model behind HTTP: OpenAI's interface under `/v1`, a page to chat at `/`, `/health`, and `/metrics` for Prometheus.
///
/// The JDK's server, with a virtual thread for each call; what is asked for at the same time is decoded together.
///
/// The JDK's server reads its limits once, from properties of the whole process. This class sets three of them when it is first
/// used, unless the host program has: `sun.net.httpserver.nodelay` (true), `sun.net.httpserver.maxReqTime` (60 seconds) and
/// `jdk.httpserver.maxConnections` (1000). A host program that uses the JDK's server before has to set them itself.
public final class Server implements AutoCloseable {

    private static final int SECONDS_TO_CLOSE = 5;

    private static final int TRIES = 10; // to find a port that is free on several addresses
    private static final String LOCALHOST = "localhost";

    /// How long a caller may not read what is sent to it.
    private static final Duration WRITE_LIMIT = Duration.ofSeconds(30);

    static {
        // Read once, by the JDK's server: parts are sent at once, a request has to arrive in a
        // minute, and so many callers may be connected.
        setUnlessSet("sun.net.httpserver.nodelay", "true");
        setUnlessSet("sun.net.httpserver.maxReqTime", "60");
        setUnlessSet("jdk.httpserver.maxConnections", "1000");
    }

    private final List<HttpServer> listening;
    private final ExecutorService threads;
    private final Answering answering;
    private final WriteLimit limit;

    /// How a model is served.
    ///
    /// @param address where to listen; port 0 takes a free one, and the name `localhost` is both of this machine's own addresses,
    ///     127.0.0.1 and ::1
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

    private Server(
            List<HttpServer> listening,
            ExecutorService threads,
            Answering answering,
            WriteLimit limit) {
        this.listening = listening;
        this.threads = threads;
        this.answering = answering;
        this.limit = limit;
    }

    private static void setUnlessSet(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    /// Starts to listen.
    ///
    /// @param model stays open as long as this
    /// @param template how conversations are written; without one there are completions only
    /// @throws InvalidInputException when the address is not free
    public static Server start(
            LanguageModel model, Optional<ChatTemplate> template, Settings settings) {
        var limit = new WriteLimit(WRITE_LIMIT);
        var metrics = new Metrics(model);
        var answering = new Answering(model, metrics);
        var reader = new CallReader(model, template, settings.name(), settings.longestAnswer());
        var api = new Api(settings, limit, reader, metrics, answering);
        List<HttpServer> listening = listen(settings.address());
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        try {
            for (HttpServer http : listening) {
                http.setExecutor(threads);
                http.createContext("/", api);
                http.start();
            }
        } catch (RuntimeException | Error e) { // There may be no more threads.
            listening.forEach(http -> http.stop(0));
            threads.close();
            throw e;
        }
        return new Server(listening, threads, answering, limit);
    }

    /// Servers that listen at `address`, at one port where that has several addresses.
    private static List<HttpServer> listen(InetSocketAddress address) {
        for (int tries = 1; ; tries++) {
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
                if (address.getPort() != 0 || listening.isEmpty() || tries == TRIES) {
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

    /// Where it listens; the first address where there are several.
    public InetSocketAddress address() {
        return listening.getFirst().getAddress();
    }

    /// Ends: answers that are being written are cut off, each with an error that says why.
    @Override
    public void close() {
        answering.close();
        listening.forEach(http -> http.stop(SECONDS_TO_CLOSE));
        threads.close();
        limit.close();
    }
}
