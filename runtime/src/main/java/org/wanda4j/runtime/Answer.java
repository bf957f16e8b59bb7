package org.wanda4j.runtime;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import org.wanda4j.runtime.Generation.Finish;
import org.wanda4j.text.Detokenizer;

/// Makes text of a request's tokens as they come.
final class Answer implements Request.Listener {

    private final Detokenizer detokenizer;
    private final StopTexts stops;
    private final Set<Integer> endTokens;
    private final Consumer<String> pieces;
    private final int promptTokens;
    private final StringBuilder text = new StringBuilder();
    private final CompletableFuture<Generation> result = new CompletableFuture<>();
    private final long start = System.nanoTime();
    private long first;
    private int tokens;

    /// @param pieces told of each piece of text, by the model's thread
    Answer(
            Detokenizer detokenizer,
            StopTexts stops,
            Set<Integer> endTokens,
            int promptTokens,
            Consumer<String> pieces) {
        this.detokenizer = detokenizer;
        this.stops = stops;
        this.endTokens = endTokens;
        this.promptTokens = promptTokens;
        this.pieces = pieces;
    }

    @Override
    public boolean token(int id, float[] logits, int from) {
        if (tokens++ == 0) {
            first = System.nanoTime();
        }
        if (endTokens.contains(id)) {
            return false;
        }
        give(stops.append(detokenizer.append(id)));
        return !stops.stopped();
    }

    private void give(String piece) {
        if (!piece.isEmpty()) {
            text.append(piece);
            pieces.accept(piece);
        }
    }

    @Override
    public void finished(Finish finish) {
        try {
            give(stops.append(detokenizer.finish()) + stops.finish());
            result.complete(
                    new Generation(
                            text.toString(),
                            promptTokens,
                            tokens,
                            finish,
                            tokens == 0 ? seconds(System.nanoTime()) : seconds(first),
                            seconds(System.nanoTime())));
        } catch (RuntimeException e) {
            failed(e);
        }
    }

    @Override
    public void failed(RuntimeException cause) {
        result.completeExceptionally(cause);
    }

    private double seconds(long time) {
        return (time - start) / 1e9;
    }

    /// Waits for the end.
    Generation await() {
        try {
            return result.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }
}
