package org.wanda4j.recover;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.PackedWindows;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.text.Windows;

/// Windows of a text: some that are held out, and those that a model is trained on, in a new order each time that the text is
/// gone through. It is tokenised as far as it is needed.
final class TrainingText {

    private final PackedWindows stream;
    private final long seed;
    private final Windows heldOut;

    /// Those that were given out.
    private final List<int[]> windows = new ArrayList<>();

    private boolean ended;
    private int epoch;
    private int next;

    /// @param heldOut how many windows are not trained on
    /// @throws InvalidInputException when the text is too short
    TrainingText(Corpus text, Tokenizer tokenizer, int seqlen, long seed, int heldOut) {
        this.stream = new PackedWindows(text, tokenizer, seqlen, seed);
        this.seed = seed;
        List<int[]> first = new ArrayList<>();
        while (first.size() < heldOut) {
            first.add(stream.next().orElseThrow(() -> tooLittle(text, seqlen, heldOut)));
        }
        this.heldOut = new Windows(seqlen, first);
        this.windows.add(stream.next().orElseThrow(() -> tooLittle(text, seqlen, heldOut)));
    }

    private static InvalidInputException tooLittle(Corpus text, int seqlen, int heldOut) {
        return new InvalidInputException(
                "%s has fewer than %,d windows of %,d tokens, of which %,d are held out; give more text or a smaller --seqlen"
                        .formatted(text.name(), heldOut + 1, seqlen, heldOut));
    }

    Windows heldOut() {
        return heldOut;
    }

    /// The next `count` windows to be trained on.
    List<int[]> next(int count) {
        List<int[]> taken = new ArrayList<>();
        while (taken.size() < count) {
            taken.add(next());
        }
        return taken;
    }

    private int[] next() {
        if (next == windows.size() && !ended) {
            Optional<int[]> window = stream.next();
            window.ifPresent(windows::add);
            ended = window.isEmpty();
        }
        if (next == windows.size()) {
            Collections.shuffle(windows, new Random(seed + ++epoch));
            next = 0;
        }
        return windows.get(next++);
    }
}
