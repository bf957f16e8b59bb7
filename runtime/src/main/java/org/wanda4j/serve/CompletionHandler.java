package org.wanda4j.serve;

import java.io.IOException;
import java.io.InterruptedIOException;
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
    private final Set<TokenStream> active = ConcurrentHashMap.newKeySet();
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
        active.forEach(TokenStream::cancel);
    }

    /// Runs a completion and sends it; returns when all of it is sent.
    ///
    /// @throws IOException when the client disconnected, or does not read; the completion is cancelled
    /// @throws ApiException when the model cannot take the request
    void handle(Exchange exchange, CompletionRequest request) throws IOException {
        try (TokenStream tokens = start(request)) {
            active.add(tokens);
            try {
                if (closing) { // close() may have run before the completion was added
                    throw closing();
                }
                if (request.stream()) {
                    stream(exchange, request, tokens);
                } else {
                    respond(exchange, request, tokens);
                }
            } finally {
                active.remove(tokens);
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

    private TokenStream start(CompletionRequest request) {
        checkModel();
        try {
            return request.writer().continuesPrompt()
                    ? model.start(request.prompt(), request.sampling(), request.alternatives())
                    : model.reply(request.prompt(), request.sampling(), request.alternatives());
        } catch (InvalidInputException e) {
            throw ApiException.invalid(400, "context_length_exceeded", e.getMessage());
        } catch (QueueFullException e) {
            throw ApiException.busy(e.getMessage());
        }
    }

    private static ApiException closing() {
        return ApiException.ofServer(503, "the server is closing");
    }

    private void respond(Exchange exchange, CompletionRequest request, TokenStream tokens)
            throws IOException {
        ResponseWriter writer = request.writer();
        if (request.alternatives().isEmpty()) {
            Generation generation = read(exchange, tokens, _ -> {});
            exchange.respond(200, writer.response(generation, Optional.empty()));
            return;
        }
        try (var logprobs = new HeldLogprobs(heldLogprobs)) {
            logprobs.append(writer.logprobs(List.of()));
            Generation generation =
                    read(
                            exchange,
                            tokens,
                            piece -> logprobs.append(writer.logprobs(piece.tokens())));
            exchange.respondInPieces(200, writer.response(generation, Optional.of(logprobs)));
        }
    }

    private void stream(Exchange exchange, CompletionRequest request, TokenStream tokens)
            throws IOException {
        ResponseWriter writer = request.writer();
        boolean logprobs = request.alternatives().isPresent();
        exchange.beginEvents();
        if (writer.firstChunk().isPresent()) {
            send(exchange, writer.firstChunk().get());
        }
        Generation generation =
                read(exchange, tokens, piece -> send(exchange, writer.chunk(piece, logprobs)));
        send(exchange, writer.finishChunk(generation));
        if (request.includeUsage()) {
            send(exchange, writer.usageChunk(generation));
        }
        exchange.endEvents("[DONE]");
    }

    private static void send(Exchange exchange, Object chunk) throws IOException {
        exchange.event(Json.writeLine(chunk));
    }

    private interface ChunkConsumer {
        void accept(TokenStream.Chunk piece) throws IOException;
    }

    /// Passes on the pieces of a completion, and returns what ended it.
    private Generation read(Exchange exchange, TokenStream tokens, ChunkConsumer consumer)
            throws IOException {
        while (true) {
            Optional<TokenStream.Event> event = tokens.next(Exchange.KEEP_ALIVE);
            if (closing) {
                throw closing();
            }
            if (event.isPresent()) {
                switch (event.get()) {
                    case TokenStream.Chunk piece -> consumer.accept(piece);
                    case Generation generation -> {
                        metrics.generated(generation);
                        if (generation.finish() == FinishReason.CANCELLED) {
                            checkModel();
                            throw new InterruptedIOException("the caller does not read");
                        }
                        return generation;
                    }
                }
            }
            exchange.keepAlive();
        }
    }
}
