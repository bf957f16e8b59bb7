package org.wanda4j.runtime;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.wanda4j.runtime.Answer.Piece;
import org.wanda4j.runtime.Generation.Finish;
import org.wanda4j.text.Detokenizer;
import org.wanda4j.text.Detokenizer.Reading;

/// Makes text of a request's tokens as they come, and lays it down for the reader.
final class AnswerWriter implements Request.Listener {

    private final Detokenizer detokenizer;
    private final StopTexts stops;
    private final Set<Integer> endTokens;
    private final OptionalInt alternatives;
    private final int promptTokens;
    private final Unread unread;
    private final StringBuilder text = new StringBuilder();
    private final Deque<ScoredToken> pending = new ArrayDeque<>();

    /// Characters of the tokens that were told of.
    private int told;

    private final long start = System.nanoTime();
    private long first;
    private int tokens;

    /// @param alternatives how many of the likeliest tokens are told with each; empty where the tokens are not told
    AnswerWriter(
            Detokenizer detokenizer,
            StopTexts stops,
            Set<Integer> endTokens,
            OptionalInt alternatives,
            int promptTokens,
            Unread unread) {
        this.detokenizer = detokenizer;
        this.stops = stops;
        this.endTokens = endTokens;
        this.alternatives = alternatives;
        this.promptTokens = promptTokens;
        this.unread = unread;
    }

    @Override
    public boolean wantsLikelihoods() {
        return alternatives.isPresent();
    }

    @Override
    public boolean isReady() {
        return !unread.isFarBehind();
    }

    @Override
    public boolean token(int id, Optional<Likelihoods> likelihoods) {
        if (tokens++ == 0) {
            first = System.nanoTime();
        }
        if (endTokens.contains(id)) {
            return false;
        }
        String piece = stops.append(read(id, likelihoods));
        if (!piece.isEmpty()) {
            give(piece);
        }
        return !stops.stopped();
    }

    private String read(int id, Optional<Likelihoods> likelihoods) {
        List<ScoredToken> others =
                likelihoods
                        .map(each -> each.likeliest(alternatives.orElse(0), detokenizer::preview))
                        .orElse(List.of());
        Reading reading = detokenizer.append(id);
        likelihoods.ifPresent(each ->
                pending.add(
                        new ScoredToken(
                                id,
                                reading.text(),
                                reading.bytes(),
                                each.logProbability(id),
                                others)));
        return reading.text();
    }

    /// Tokens whose text is held back wait for it.
    private void give(String piece) {
        text.append(piece);
        List<ScoredToken> scored = tell();
        if (!piece.isEmpty() || !scored.isEmpty()) {
            unread.add(new Piece(piece, scored));
        }
    }

    /// The tokens that are told of with the text so far. What begins where a stop text does is no part of the answer.
    private List<ScoredToken> tell() {
        List<ScoredToken> tokens = new ArrayList<>();
        while (pending.size() > (detokenizer.holds() ? 1 : 0)) {
            ScoredToken next = pending.remove();
            if (!stops.stopped() || told < text.length()) {
                tokens.add(next);
            }
            told += next.text().length();
        }
        return tokens;
    }

    @Override
    public void finished(Finish finish) {
        String held = detokenizer.finish();
        if (!held.isEmpty() && !pending.isEmpty()) {
            pending.add(pending.removeLast().with(held));
        }
        give(stops.append(held) + stops.finish());
        var generation =
                new Generation(
                        text.toString(),
                        promptTokens,
                        tokens,
                        finish,
                        seconds(tokens == 0 ? System.nanoTime() : first),
                        seconds(System.nanoTime()));
        unread.addLast(() -> generation);
    }

    @Override
    public void failed(Throwable cause) {
        unread.addLast(() -> {
            throw new IllegalStateException("the model failed: " + cause, cause);
        });
    }

    private double seconds(long time) {
        return (time - start) / 1e9;
    }
}
