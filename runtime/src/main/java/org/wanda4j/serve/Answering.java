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
import org.wanda4j.runtime.Answer;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.Generation.Finish;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.QueueFullException;
import org.wanda4j.runtime.ScoredToken;

/// Has the model answer, and sends the answer while the caller is there.
final class Answering {

    private final LanguageModel model;
    private final Metrics metrics;
    private final Set<Answer> answers = ConcurrentHashMap.newKeySet();
    private volatile boolean closing;

    Answering(LanguageModel model, Metrics metrics) {
        this.model = model;
        this.metrics = metrics;
    }

    /// Ends all answers that are being written, and refuses others.
    void close() {
        closing = true;
        answers.forEach(Answer::cancel);
    }

    /// Answers a call.
    ///
    /// @throws IOException when the caller left; the model does not go on for it
    void answer(Call call, Ask ask) throws IOException {
        try (Answer answer = start(ask)) {
            answers.add(answer);
            try {
                if (closing) { // since before it was added
                    throw closing();
                }
                if (ask.inParts()) {
                    sendParts(call, ask, answer);
                } else {
                    sendWhole(call, ask, answer);
                }
            } finally {
                answers.remove(answer);
            }
        }
    }

    /// Refuses what cannot be answered any more.
    ///
    /// @throws ApiError when this is closing, or the model decodes no more
    void checkModel() {
        if (closing) {
            throw closing();
        }
        if (!model.isAlive()) {
            throw ApiError.ofServer(
                    503, "the model failed for good: the server has to be started anew");
        }
    }

    private Answer start(Ask ask) {
        checkModel();
        try {
            return ask.reply().goesOn()
                    ? model.start(ask.prompt(), ask.sampling(), ask.alternatives())
                    : model.reply(ask.prompt(), ask.sampling(), ask.alternatives());
        } catch (InvalidInputException e) {
            throw ApiError.invalid(400, "context_length_exceeded", e.getMessage());
        } catch (QueueFullException e) {
            throw ApiError.busy(e.getMessage());
        }
    }

    private static ApiError closing() {
        return ApiError.ofServer(503, "the server is closing");
    }

    private void sendWhole(Call call, Ask ask, Answer answer) throws IOException {
        List<ScoredToken> tokens = new ArrayList<>();
        Generation generation = readAll(call, answer, piece -> tokens.addAll(piece.tokens()));
        Optional<List<ScoredToken>> told =
                ask.alternatives().isPresent() ? Optional.of(tokens) : Optional.empty();
        call.answer(200, ask.reply().whole(generation, told));
    }

    private void sendParts(Call call, Ask ask, Answer answer) throws IOException {
        Reply reply = ask.reply();
        boolean scored = ask.alternatives().isPresent();
        call.beginEvents();
        if (reply.opening().isPresent()) {
            send(call, reply.opening().get());
        }
        Generation generation =
                readAll(call, answer, piece -> send(call, reply.part(piece, scored)));
        send(call, reply.closing(generation));
        if (ask.usageInParts()) {
            send(call, reply.usage(generation));
        }
        call.end("[DONE]");
    }

    private static void send(Call call, Object part) throws IOException {
        call.event(Json.writeLine(part));
    }

    private interface Pieces {
        void accept(Answer.Piece piece) throws IOException;
    }

    private Generation readAll(Call call, Answer answer, Pieces pieces) throws IOException {
        while (true) {
            Optional<Answer.Event> event = answer.next(Call.QUIET);
            if (closing) {
                throw closing();
            }
            if (event.isPresent()) {
                switch (event.get()) {
                    case Answer.Piece piece -> pieces.accept(piece);
                    case Generation generation -> {
                        metrics.generated(generation);
                        if (generation.finish() == Finish.CANCELLED) {
                            checkModel();
                            throw new InterruptedIOException("the caller does not read");
                        }
                        return generation;
                    }
                }
            }
            call.keepAlive();
        }
    }
}
