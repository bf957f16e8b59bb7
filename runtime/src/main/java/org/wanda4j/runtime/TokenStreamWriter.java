package org.wanda4j.runtime;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.runtime.Generation.FinishReason;
import org.wanda4j.runtime.TokenStream.Chunk;
import org.wanda4j.text.Detokenizer;
import org.wanda4j.text.Detokenizer.TokenText;

/// Turns the tokens of a request into chunks of text, for the reader of its [TokenStream].
final class TokenStreamWriter implements GenerationRequest.Listener {

    /// Most tokens that wait for the text they begin in. A stop string has fewer characters, so that others add no text: a model may
    /// go on with special tokens for as long as it likes.
    private static final int MOST_PENDING = 1 << 12;

    private final Detokenizer detokenizer;
    private final StopStrings stopStrings;
    private final Set<Integer> endTokens;
    private final GenerationOptions options;
    private final int promptTokens;
    private final EventQueue queue;
    private final StringBuilder text = new StringBuilder();

    /// Tokens whose text is not in a chunk yet.
    private final Deque<ScoredToken> pending = new ArrayDeque<>();

    /// Characters (UTF-16) of the tokens in all chunks so far.
    private int reported;

    private final long start = System.nanoTime();
    private long first;
    private int tokens;

    TokenStreamWriter(
            Detokenizer detokenizer,
            StopStrings stopStrings,
            Set<Integer> endTokens,
            GenerationOptions options,
            int promptTokens,
            EventQueue queue) {
        this.detokenizer = detokenizer;
        this.stopStrings = stopStrings;
        this.endTokens = endTokens;
        this.options = options;
        this.promptTokens = promptTokens;
        this.queue = queue;
    }

    @Override
    public boolean needsLogProbabilities() {
        return options.alternatives().isPresent();
    }

    /// Takes the prompt of a request whose text begins with it: all of it, or, where it is scored, the first token.
    void begin(int[] prompt) {
        if (!scoresPrompt()) {
            var piece = new StringBuilder();
            for (int id : prompt) {
                piece.append(detokenizer.append(id).text());
            }
            addChunk(piece.toString(), false);
            return;
        }
        TokenText reading = detokenizer.append(prompt[0]);
        addPromptToken(
                new ScoredToken(prompt[0], reading.text(), reading.bytes(), Double.NaN, List.of()));
    }

    @Override
    public boolean scoresPrompt() {
        return options.text() == GenerationOptions.Text.ECHO && needsLogProbabilities();
    }

    @Override
    public void promptToken(int id, LogProbabilities logProbabilities) {
        addPromptToken(score(id, logProbabilities));
    }

    private void addPromptToken(ScoredToken token) {
        pending.add(token);
        addChunk(token.text(), pending.size() >= MOST_PENDING);
    }

    @Override
    public boolean acceptsToken() {
        return !queue.isFull();
    }

    @Override
    public boolean token(int id, Optional<LogProbabilities> logProbabilities) {
        if (tokens++ == 0) {
            first = System.nanoTime();
        }
        if (endTokens.contains(id)) {
            if (scoresPrompt()) { // every token of the text is reported, this one too
                logProbabilities.ifPresent(each ->
                        pending.add(
                                new ScoredToken(
                                        id, "", new byte[0], each.of(id), likeliest(each))));
            }
            return false;
        }
        String piece = stopStrings.append(read(id, logProbabilities));
        if (!piece.isEmpty() || pending.size() >= MOST_PENDING) {
            addChunk(piece, pending.size() >= MOST_PENDING);
        }
        return !stopStrings.stopped();
    }

    private String read(int id, Optional<LogProbabilities> logProbabilities) {
        if (logProbabilities.isEmpty()) {
            return detokenizer.append(id).text();
        }
        ScoredToken token = score(id, logProbabilities.get());
        pending.add(token);
        return token.text();
    }

    private ScoredToken score(int id, LogProbabilities logProbabilities) {
        List<ScoredToken> likeliest = likeliest(logProbabilities);
        TokenText reading = detokenizer.append(id);
        return new ScoredToken(
                id, reading.text(), reading.bytes(), logProbabilities.of(id), likeliest);
    }

    private List<ScoredToken> likeliest(LogProbabilities logProbabilities) {
        return logProbabilities.likeliest(options.alternatives().orElse(0), detokenizer::preview);
    }

    /// Adds a chunk.
    ///
    /// @param all whether tokens that begin behind its text come with it; where not, they stay pending
    private void addChunk(String piece, boolean all) {
        text.append(piece);
        List<ScoredToken> scored = take(all);
        if (!piece.isEmpty() || !scored.isEmpty()) {
            queue.add(new Chunk(piece, scored));
        }
    }

    /// Takes the pending tokens that begin in the text, with `all` also those behind it, unless that is where a stop string begins.
    /// The last one stays while a character is incomplete.
    private List<ScoredToken> take(boolean all) {
        List<ScoredToken> tokens = new ArrayList<>();
        while (pending.size() > (detokenizer.holds() ? 1 : 0)
                && (all || reported < text.length())) {
            ScoredToken next = pending.remove();
            if (!stopStrings.stopped() || reported < text.length()) {
                tokens.add(next);
            }
            reported += next.text().length();
        }
        return tokens;
    }

    @Override
    public void finished(FinishReason finish) {
        String held = detokenizer.finish();
        if (!held.isEmpty() && !pending.isEmpty()) {
            pending.add(pending.removeLast().with(held));
        }
        addChunk(stopStrings.append(held) + stopStrings.finish(), true);
        var generation =
                new Generation(
                        text.toString(),
                        promptTokens,
                        tokens,
                        finish,
                        seconds(tokens == 0 ? System.nanoTime() : first),
                        seconds(System.nanoTime()));
        queue.addLast(() -> generation);
    }

    @Override
    public void failed(Throwable cause) {
        queue.addLast(() -> {
            throw new IllegalStateException("the model failed: " + cause, cause);
        });
    }

    private double seconds(long time) {
        return (time - start) / 1e9;
    }
}
