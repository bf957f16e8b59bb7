package org.wanda4j.serve;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.wanda4j.SharedFiles;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.text.ChatTemplate;

/// A server with the tiny model, to which a chat template was added, on a free port of this machine.
record RunningServer(LanguageModel model, Server server) implements AutoCloseable {

    static final String MODEL = "tiny";
    static final int LONGEST_ANSWER = 400;
    static final int LARGEST_BODY = 20_000;

    private static final String TEMPLATE =
            """
            {% for message in messages %}{% if message.role == 'system' and not loop.first %}\
            {{ raise_exception('the system speaks first') }}{% endif %}\
            {{ message.role }}: {{ message.content }}
            {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}\
            """;

    static Path copyModel(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(SharedFiles.tinyLlama())) {
            for (Path file : files.toList()) {
                Files.copy(file, directory.resolve(file.getFileName()));
            }
        }
        Files.writeString(directory.resolve("chat_template.jinja"), TEMPLATE);
        return directory;
    }

    static RunningServer start(Path directory, int atOnce, int queueLimit, Optional<String> key) {
        return start(directory, new LanguageModel.Settings(1, atOnce, queueLimit), key);
    }

    static RunningServer start(Path directory, LanguageModel.Settings how, Optional<String> key) {
        return start(directory, how, key, LARGEST_BODY);
    }

    static RunningServer start(
            Path directory, LanguageModel.Settings how, Optional<String> key, int largestBody) {
        var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        return start(
                directory,
                how,
                new Server.Settings(address, key, MODEL, LONGEST_ANSWER, largestBody));
    }

    static RunningServer start(
            Path directory, LanguageModel.Settings how, Server.Settings settings) {
        LanguageModel model = LanguageModel.open(directory, how);
        return new RunningServer(model, Server.start(model, ChatTemplate.of(directory), settings));
    }

    String base() {
        return "http://localhost:" + server.address().getPort();
    }

    OpenAIClient client(String key) {
        return OpenAIOkHttpClient.builder()
                .baseUrl(base() + "/v1")
                .apiKey(key)
                .maxRetries(0)
                .build();
    }

    static HttpResponse<String> send(HttpRequest.Builder request)
            throws IOException, InterruptedException {
        try (HttpClient client = HttpClient.newHttpClient()) {
            return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
        }
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send(request(path));
    }

    HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
        return send(json(path, body));
    }

    HttpRequest.Builder json(String path, String body) {
        return request(path)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body));
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(base() + path));
    }

    @Override
    public void close() {
        server.close();
        model.close();
    }
}
