package org.wanda4j.serve;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.Generation.FinishReason;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.QueueFullException;
import org.wanda4j.runtime.TokenStream;

/// Runs completions and sends them, each until it ends or its client disconnects.
final class CompletionHandler {

    private final LanguageModel model;
    private final Metrics metrics;
    private final Set<Choices> active = ConcurrentHashMap.newKeySet();
    private final HeldBytes heldLogprobs;
    private volatile boolean closing;

    /// @param heldLogprobs what completions hold that are not streamed
    CompletionHandler(LanguageModel model, Metrics metrics, HeldBytes heldLogprobs) {
        this.model = model;
        this.metrics = metrics;
        this.heldLogprobs = heldLogprobs;
    }

    /// Cancels all completions, and refuses further ones.
    void close() {
        closing = true;
        active.forEach(Choices::cancel);
    }

    /// Runs a completion and sends it; returns when all of it is sent.
    ///
    /// @throws IOException when the client disconnected, or does not read; the completion is cancelled
    /// @throws ApiException when the model cannot take the request
    void handle(Exchange exchange, CompletionRequest request) throws IOException {
        try (Choices choices = start(request)) {
            active.add(choices);
            try {
                if (closing) { // close() may have run before the completion was added
                    throw closing();
                }
                if (request.stream()) {
                    stream(exchange, request, choices);
                } else {
                    respond(exchange, request, choices);
                }
            } finally {
                active.remove(choices);
            }
        }
    }

    /// @throws ApiException with status 503 when this is closing, or the model's decoding thread has ended
    void checkModel() {
        if (closing) {
            throw closing();
        }
        if (!model.isAlive()) {
            throw ApiException.ofServer(
                    503, "the model failed for good: the server has to be started anew");
        }
    }

    private Choices start(CompletionRequest request) {
        checkModel();
        try {
            return new Choices(model, request);
        } catch (InvalidInputException e) {
            throw ApiException.invalid(400, "context_length_exceeded", e.getMessage());
        } catch (QueueFullException e) {
            throw ApiException.busy(e.getMessage());
        }
    }

    private static ApiException closing() {
        return ApiException.ofServer(503, "the server is closing");
    }

    private void respond(Exchange exchange, CompletionRequest request, Choices choices)
            throws IOException {
        ResponseWriter writer = request.writer();
        List<HeldLogprobs> logprobs = new ArrayList<>();
        try {
            if (request.logprobs()) {
                for (int i = 0; i < request.choices().size(); i++) {
                    logprobs.add(new HeldLogprobs(heldLogprobs));
                    logprobs.get(i).append(writer.logprobs(i, List.of()));
                }
            }
            var generations = new Generation[request.choices().size()];
            read(
                    exchange,
                    choices,
                    (index, event) -> {
                        switch (event) {
                            case TokenStream.Chunk piece -> {
                                if (request.logprobs()) {
                                    logprobs.get(index)
                                            .append(writer.logprobs(index, piece.tokens()));
                                }
                            }
                            case Generation generation -> generations[index] = generation;
                        }
                    });
            Object response = writer.response(List.of(generations), logprobs);
            if (request.logprobs()) {
                exchange.respondInPieces(200, response);
            } else {
                exchange.respond(200, response);
            }
        } finally {
            logprobs.forEach(HeldLogprobs::close);
        }
    }

    private void stream(Exchange exchange, CompletionRequest request, Choices choices)
            throws IOException {
        ResponseWriter writer = request.writer();
        List<Generation> generations = new ArrayList<>();
        exchange.beginEvents();
        for (int i = 0; i < request.choices().size(); i++) {
            send(exchange, writer.firstChunks(i));
        }
        read(
                exchange,
                choices,
                (index, event) -> {
                    switch (event) {
                        case TokenStream.Chunk piece ->
                                send(exchange, writer.chunks(index, piece, request.logprobs()));
                        case Generation generation -> {
                            send(exchange, writer.finishChunks(index, generation));
                            generations.add(generation);
                        }
                    }
                });
        if (request.includeUsage()) {
            send(exchange, List.of(writer.usageChunk(generations)));
        }
        exchange.endEvents("[DONE]");
    }

    private static void send(Exchange exchange, List<?> chunks) throws IOException {
        for (Object chunk : chunks) {
            exchange.event(Json.writeLine(chunk));
        }
    }

    private interface EventConsumer {
        void accept(int index, TokenStream.Event event) throws IOException;
    }

    /// Passes on the events of all choices.
    private void read(Exchange exchange, Choices choices, EventConsumer consumer)
            throws IOException {
        while (!choices.ended()) {
            Optional<Choices.Event> next = choices.next(Exchange.KEEP_ALIVE);
            if (closing) {
                throw closing();
            }
            if (next.isPresent()) {
                TokenStream.Event event = next.get().event();
                if (event instanceof Generation generation) {
                    metrics.generated(generation);
                    exchange.generated(generation);
                    if (generation.finish() == FinishReason.CANCELLED) {
                        checkModel();
                        throw new InterruptedIOException("the caller does not read");
                    }
                }
                consumer.accept(next.get().index(), event);
            }
            exchange.keepAlive();
        }
    }
}
