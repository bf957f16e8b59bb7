package org.wanda4j.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.wanda4j.runtime.Answer.Event;
import org.wanda4j.runtime.Answer.Given;
import org.wanda4j.runtime.Answer.Piece;
import org.wanda4j.runtime.Generation.Finish;
import org.wanda4j.text.Detokenizer;

/// Makes text of a request's tokens as they come, and lays it down for the reader.
final class AnswerWriter implements Request.Listener {

    private final Detokenizer detokenizer;
    private final StopTexts stops;
    private final Set<Integer> endTokens;
    private final IntFunction<String> tokenText;
    private final OptionalInt alternatives;
    private final int promptTokens;
    private final BlockingQueue<Supplier<Event>> events;
    private final StringBuilder text = new StringBuilder();
    private final List<ScoredToken> pending = new ArrayList<>();
    private final long start = System.nanoTime();
    private long first;
    private int tokens;

    /// @param tokenText what a token reads alone
    /// @param alternatives how many of the likeliest tokens are told with each; empty where the tokens are not told
    AnswerWriter(
            Detokenizer detokenizer,
            StopTexts stops,
            Set<Integer> endTokens,
            IntFunction<String> tokenText,
            OptionalInt alternatives,
            int promptTokens,
            BlockingQueue<Supplier<Event>> events) {
        this.detokenizer = detokenizer;
        this.stops = stops;
        this.endTokens = endTokens;
        this.tokenText = tokenText;
        this.alternatives = alternatives;
        this.promptTokens = promptTokens;
        this.events = events;
    }

    @Override
    public boolean wantsLikelihoods() {
        return alternatives.isPresent();
    }

    @Override
    public boolean token(int id, Optional<Likelihoods> likelihoods) {
        if (tokens++ == 0) {
            first = System.nanoTime();
        }
        if (endTokens.contains(id)) {
            return false;
        }
        likelihoods.ifPresent(
                known -> pending.add(known.score(id, alternatives.orElse(0), tokenText)));
        String piece = stops.append(detokenizer.append(id));
        if (!piece.isEmpty()) {
            give(piece);
        }
        return !stops.stopped();
    }

    /// Tokens whose text is held back wait for it.
    private void give(String piece) {
        text.append(piece);
        events.add(new Given(new Piece(piece, List.copyOf(pending))));
        pending.clear();
    }

    @Override
    public void finished(Finish finish) {
        String rest = stops.append(detokenizer.finish()) + stops.finish();
        if (!rest.isEmpty() || !(pending.isEmpty() || stops.stopped())) {
            give(rest);
        }
        var generation =
                new Generation(
                        text.toString(),
                        promptTokens,
                        tokens,
                        finish,
                        seconds(tokens == 0 ? System.nanoTime() : first),
                        seconds(System.nanoTime()));
        events.add(() -> generation);
    }

    @Override
    public void failed(Throwable cause) {
        events.add(() -> {
            throw new IllegalStateException("the model failed: " + cause, cause);
        });
    }

    private double seconds(long time) {
        return (time - start) / 1e9;
    }
}
