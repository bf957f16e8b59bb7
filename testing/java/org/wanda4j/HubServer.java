package org.wanda4j;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// A server with the part of the Hugging Face Hub's interface that downloads use, with one repository. Files in LFS are on a second port, as
/// the hub's are on another host. A test may replace its answers.
public final class HubServer implements AutoCloseable {

    /// The commit of the repository.
    public static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    private static final int OK = 200;
    private static final int PARTIAL = 206;
    private static final int FOUND = 302;
    private static final int NOT_FOUND = 404;

    private final String name;
    private final SortedMap<String, Stored> files = new TreeMap<>();
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private final Map<String, Answer> answers = new ConcurrentHashMap<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final HttpServer hub;
    private final HttpServer store;

    /// A file of the repository.
    ///
    /// @param listing its entry in a listing, as JSON
    private record Stored(byte[] content, boolean lfs, String digest, String listing) {}

    /// A request that was made.
    ///
    /// @param store whether to the second port
    public record Request(boolean store, String path, Map<String, String> headers) {

        /// The header of that name.
        public Optional<String> header(String name) {
            return Optional.ofNullable(headers.get(name.toLowerCase(Locale.ROOT)));
        }
    }

    /// Stands in for what the server would do.
    @FunctionalInterface
    public interface Answer {

        /// Answers, or leaves it to the server.
        ///
        /// @return whether it has answered
        boolean give(HttpExchange exchange) throws IOException;
    }

    /// @param name of the repository: `org/name`, or `datasets/org/name`
    public HubServer(String name) {
        this.name = name;
        this.hub = start(false);
        this.store = start(true);
    }

    private HttpServer start(boolean isStore) {
        try {
            HttpServer server =
                    HttpServer.create(
                            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.setExecutor(threads);
            server.createContext("/", exchange -> handle(exchange, isStore));
            server.start();
            return server;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Address of the hub.
    public String endpoint() {
        return "http://127.0.0.1:" + hub.getAddress().getPort();
    }

    /// Address of the second port.
    public String storeAddress() {
        return "http://127.0.0.1:" + store.getAddress().getPort();
    }

    /// Adds a file, in git.
    public HubServer with(String path, byte[] content) {
        String digest = digest("SHA-1", ("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII), content);
        return with(path, new Stored(content, false, digest, entry(path, content.length, digest, "")));
    }

    /// Adds a file, in LFS.
    public HubServer withLarge(String path, byte[] content) {
        String digest = digest("SHA-256", content);
        String lfs =
                ", \"lfs\": {\"oid\": \"%s\", \"size\": %d, \"pointerSize\": 130}"
                        .formatted(digest, content.length);
        return with(
                path,
                new Stored(
                        content,
                        true,
                        digest,
                        entry(path, content.length, digest("SHA-1", digest.getBytes(StandardCharsets.US_ASCII)), lfs)));
    }

    /// Adds an entry to the listing, and no file.
    public HubServer listing(String path, String entry) {
        return with(path, new Stored(new byte[0], false, "", entry));
    }

    private HubServer with(String path, Stored file) {
        files.put(path, file);
        return this;
    }

    /// Adds all files of a directory, weights in LFS.
    public HubServer withFilesOf(Path directory) {
        try (Stream<Path> all = Files.list(directory)) {
            for (Path file : all.toList()) {
                String path = file.getFileName().toString();
                byte[] content = Files.readAllBytes(file);
                if (path.endsWith(".safetensors")) {
                    withLarge(path, content);
                } else {
                    with(path, content);
                }
            }
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String entry(String path, int size, String oid, String more) {
        return "{\"type\": \"file\", \"path\": \"%s\", \"size\": %d, \"oid\": \"%s\"%s}"
                .formatted(path, size, oid, more);
    }

    /// Has `answer` stand in for whatever is asked whose path ends so, on either port.
    public HubServer answering(String pathsEnd, Answer answer) {
        answers.put(pathsEnd, answer);
        return this;
    }

    /// The digest that the hub lists of a file.
    public String digest(String path) {
        return files.get(path).digest();
    }

    /// What was asked so far.
    public List<Request> requests() {
        return List.copyOf(requests);
    }

    /// Paths of the files whose content was asked for, on the hub itself.
    public List<String> fetched() {
        return requests.stream()
                .filter(request -> request.path().contains("/resolve/"))
                .map(request -> request.path().replaceAll(".*/resolve/[^/]*/", ""))
                .sorted()
                .toList();
    }

    /// Forgets what was asked.
    public void forget() {
        requests.clear();
    }

    private void handle(HttpExchange exchange, boolean isStore) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getPath();
            requests.add(
                    new Request(
                            isStore,
                            path,
                            exchange.getRequestHeaders().entrySet().stream()
                                    .collect(
                                            Collectors.toMap(
                                                    it -> it.getKey().toLowerCase(Locale.ROOT),
                                                    it -> it.getValue().getFirst()))));
            for (var answer : answers.entrySet()) {
                if (path.endsWith(answer.getKey()) && answer.getValue().give(exchange)) {
                    return;
                }
            }
            if (isStore) {
                serveStore(exchange, path);
            } else {
                serveHub(exchange);
            }
        }
    }

    private void serveStore(HttpExchange exchange, String path) throws IOException {
        Stored file =
                files.values().stream()
                        .filter(it -> path.equals("/" + it.digest()))
                        .findFirst()
                        .orElseThrow();
        content(exchange, file.content());
    }

    private void serveHub(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getRawPath();
        
        String api = "/api/" + (name.startsWith("datasets/") ? "" : "models/") + name;
        String resolve = "/" + name + "/resolve/";
        boolean isRevision = path.startsWith(api + "/revision/");
        if (isRevision && !isKnown(after(path, api + "/revision/"))) {
            refuse(exchange, NOT_FOUND, "RevisionNotFound");
        } else if (isRevision) {
            json(exchange, "{\"id\": \"%s\", \"sha\": \"%s\"}".formatted(name, COMMIT));
        } else if (path.equals(api + "/tree/" + COMMIT)) {
            String query = exchange.getRequestURI().getQuery();
            json(exchange, tree("recursive=true".equals(query)));
        } else if (path.startsWith(resolve)) {
            resolve(exchange, after(path, resolve));
        } else {
            refuse(exchange, NOT_FOUND, "RepoNotFound");
        }
    }

    private static String after(String path, String beginning) {
        return path.substring(beginning.length());
    }

    private static boolean isKnown(String revision) {
        return List.of("main", "refs/pr/1", COMMIT)
                .contains(URLDecoder.decode(revision, StandardCharsets.UTF_8));
    }

    /// Of the root, or of all folders, with what a test adds.
    private String tree(boolean recursive) {
        return files.entrySet().stream()
                .filter(file ->
                        recursive
                                || file.getKey().indexOf('/') < 0
                                || file.getValue().digest().isEmpty())
                .map(file -> file.getValue().listing())
                .collect(Collectors.joining(", ", "[", "]"));
    }

    private void resolve(HttpExchange exchange, String path) throws IOException {
        int end = path.indexOf('/');
        Stored file = files.get(URLDecoder.decode(path.substring(end + 1), StandardCharsets.UTF_8));
        var headers = exchange.getResponseHeaders();
        headers.set("X-Repo-Commit", COMMIT);
        if (file == null) {
            refuse(exchange, NOT_FOUND, "EntryNotFound");
        } else if (file.lfs()) {
            headers.set("X-Linked-Etag", "\"" + file.digest() + "\"");
            headers.set("X-Linked-Size", "" + file.content().length);
            headers.set("Location", storeAddress() + "/" + file.digest());
            exchange.sendResponseHeaders(FOUND, -1);
        } else {
            headers.set("ETag", "\"" + file.digest() + "\"");
            content(exchange, file.content());
        }
    }

    private static void json(HttpExchange exchange, String text) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        content(exchange, text.getBytes(StandardCharsets.UTF_8));
    }

    /// Answers with what refuses a request.
    public static void refuse(HttpExchange exchange, int status, String code) throws IOException {
        exchange.getResponseHeaders().set("X-Error-Code", code);
        exchange.sendResponseHeaders(status, -1);
    }

    /// Answers with `content`, or the part that is asked for.
    public static void content(HttpExchange exchange, byte[] content) throws IOException {
        int from = from(exchange);
        var headers = exchange.getResponseHeaders();
        headers.set("Accept-Ranges", "bytes");
        if (from > 0) {
            headers.set(
                    "Content-Range",
                    "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
        }
        if (exchange.getRequestMethod().equals("HEAD")) {
            headers.set("Content-Length", "" + content.length);
            exchange.sendResponseHeaders(OK, -1);
            return;
        }
        byte[] part = Arrays.copyOfRange(content, from, content.length);
        exchange.sendResponseHeaders(from > 0 ? PARTIAL : OK, part.length == 0 ? -1 : part.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(part);
        }
    }

    /// Answers with the beginning of what it says it will send, and ends the connection.
    ///
    /// @param bytes how many are sent
    public static void cut(HttpExchange exchange, byte[] content, int bytes) throws IOException {
        int from = from(exchange);
        if (from > 0) {
            exchange.getResponseHeaders()
                    .set(
                            "Content-Range",
                            "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
        }
        exchange.sendResponseHeaders(from > 0 ? PARTIAL : OK, content.length - from);
        exchange.getResponseBody().write(content, from, bytes);
        exchange.getResponseBody().flush();
        // The caller closes the exchange, with it the connection.
    }

    /// The first byte that is asked for.
    public static int from(HttpExchange exchange) {
        String range = exchange.getRequestHeaders().getFirst("Range");
        return range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
    }

    private static String digest(String algorithm, byte[]... parts) {
        try {
            MessageDigest digest = MessageDigest.getInstance(algorithm);
            for (byte[] part : parts) {
                digest.update(part);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        hub.stop(0);
        store.stop(0);
        threads.shutdownNow();
    }
}
