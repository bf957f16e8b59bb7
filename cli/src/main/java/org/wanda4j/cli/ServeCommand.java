package org.wanda4j.cli;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ModelName;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.serve.Server;
import org.wanda4j.text.ChatTemplate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda serve`
@Command(
        name = "serve",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Serves a dense or packed model over HTTP, as OpenAI's interface, with a page to chat.",
        footer = {
            "",
            "Examples:",
            "  wanda serve SmolLM2-packed         then open http://localhost:8080",
            "  WANDA_API_KEY=secret wanda serve SmolLM2-packed --host 0.0.0.0",
            "  wanda serve SmolLM2-packed --allow-origin http://localhost:3000 --log-requests"
        })
final class ServeCommand implements Runnable {

    private static final String KEY = "WANDA_API_KEY";
    private static final int LARGEST_PORT = 0xffff;

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description =
                    "Hugging Face directory, packed or not, or a model of the hub: org/name[@revision]")
    private Path model;

    @Option(
            names = "--port",
            paramLabel = "N",
            defaultValue = "8080",
            description = "where to listen; 0 takes a free one (default: 8080)")
    private int port;

    @Option(
            names = "--host",
            paramLabel = "HOST",
            defaultValue = "localhost",
            description =
                    "the address to listen on; 0.0.0.0 for all (default: localhost, 127.0.0.1 and ::1: this machine alone)")
    private String host;

    @Option(
            names = "--api-key",
            paramLabel = "KEY",
            description =
                    "what callers have to present; the environment's "
                            + KEY
                            + " keeps it out of the list of processes")
    private String key = System.getenv(KEY);

    @Option(
            names = "--name",
            paramLabel = "NAME",
            description = "what callers call the model (default: the directory's name)")
    private String name;

    @Option(
            names = "--parallel",
            paramLabel = "N",
            defaultValue = "8",
            description = "answers that are written at once (default: 8)")
    private int parallel;

    @Option(
            names = "--queue",
            paramLabel = "N",
            defaultValue = "64",
            description = "requests that may wait for one of those; more get 429 (default: 64)")
    private int queue;

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            description = "longest answer that may be asked for (default: the model's context)")
    private Integer maxTokens;

    @Option(
            names = "--max-body",
            paramLabel = "BYTES",
            defaultValue = "1000000",
            description = "largest request (default: 1000000)")
    private int maxBody;

    @Option(
            names = "--allow-origin",
            paramLabel = "ORIGIN",
            description =
                    "web pages that may use this server, as http://localhost:3000; * for all; may be repeated (default: none but its own)")
    private Set<String> origins = Set.of();

    @Option(names = "--log-requests", description = "a line for each request on standard error")
    private boolean logRequests;

    @Mixin private final DecodeOptions decode = new DecodeOptions();

    @Mixin private final CacheOptions cache = new CacheOptions();

    @Override
    public void run() {
        if (port < 0 || port > LARGEST_PORT) {
            throw new InvalidInputException("--port must lie in [0, 65535], got " + port);
        }
        OldGeneration.limitGarbage();
        var stop = new CountDownLatch(1);
        var how =
                new LanguageModel.Settings(
                        decode.threads(), parallel, queue, parallel, cache.bytes());
        try (LanguageModel opened = LanguageModel.open(model, how);
                Server server = Server.start(opened, ChatTemplate.of(model), settings(opened))) {
            CompletableFuture<Void> ended = opened.ended();
            try (var _ = Interrupts.byAny(stop::countDown)) {
                tell(opened, server);
                var _ = ended.whenComplete((_, _) -> stop.countDown());
                stop.await();
            }
            Console.note("closing");
            if (ended.isCompletedExceptionally()) {
                throw new IllegalStateException("the model decodes no more", ended.exceptionNow());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Server.Settings settings(LanguageModel opened) {
        return new Server.Settings(
                new InetSocketAddress(host, port),
                Optional.ofNullable(key),
                name == null ? ModelName.of(model) : name,
                maxTokens == null ? opened.context() : maxTokens,
                maxBody,
                origins,
                logRequests ? Optional.of(Console::note) : Optional.empty());
    }

    private void tell(LanguageModel opened, Server server) {
        InetSocketAddress address = server.address();
        Console.note("kernels: " + LanguageModel.kernels());
        Console.note(
                "keys and values: up to %s; context: %,d tokens"
                        .formatted(Format.megabytes(opened.load().cacheLimit()), opened.context()));
        if (!address.getAddress().isLoopbackAddress() && key == null) {
            Console.note("note: no --api-key: whoever reaches this machine can use the model");
        }
        if (ChatTemplate.of(model).isEmpty()) {
            Console.note("note: the model has no chat template: completions only");
        }
        Console.print(
                "listening on http://%s:%d"
                        .formatted(
                                host.contains(":") ? "[" + host + "]" : host, address.getPort()));
    }
}
