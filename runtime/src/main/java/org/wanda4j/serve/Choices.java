package org.wanda4j.serve;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.QueueFullException;
import org.wanda4j.runtime.TokenStream;

/// The generations of a request, read by one thread. As many run at once as the model decodes at once; the others start when those
/// end, so that a request with many leaves the queue to others.
final class Choices implements AutoCloseable {

    /// How long the events of one are waited for while others may have some: they are decoded in one batch, and so have theirs at the
    /// same time.
    private static final Duration TURN = Duration.ofMillis(10);

    private final LanguageModel model;
    private final CompletionRequest request;
    private final Queue<Integer> waiting = new ArrayDeque<>();
    private final List<Running> running = new CopyOnWriteArrayList<>();
    private volatile boolean cancelled;

    private record Running(int index, TokenStream tokens) {}

    /// An event of one of them.
    record Event(int index, TokenStream.Event event) {}

    /// Starts the first ones.
    ///
    /// @throws org.wanda4j.checkpoint.InvalidInputException when the model can never take one of them
    /// @throws QueueFullException when it takes none now
    Choices(LanguageModel model, CompletionRequest request) {
        this.model = model;
        this.request = request;
        for (int i = 0; i < request.choices().size(); i++) {
            CompletionRequest.Choice choice = request.choices().get(i);
            model.check(choice.prompt(), choice.sampling(), request.options());
            waiting.add(i);
        }
        start();
        try {
            startMore();
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private void start() {
        int index = waiting.element();
        CompletionRequest.Choice choice = request.choices().get(index);
        running.add(
                new Running(
                        index, model.start(choice.prompt(), choice.sampling(), request.options())));
        waiting.remove();
    }

    private void startMore() {
        try {
            while (!waiting.isEmpty() && running.size() < model.mostRunning() && !cancelled) {
                start();
            }
        } catch (QueueFullException e) {
            // The rest starts later.
        }
    }

    /// Whether the last event of each was returned.
    boolean ended() {
        return running.isEmpty() && (waiting.isEmpty() || cancelled);
    }

    /// Waits for the next event of any of them, at most for `timeout` and [#TURN].
    Optional<Event> next(Duration timeout) {
        long until = System.nanoTime() + timeout.toNanos();
        do {
            startMore();
            boolean alone = running.size() == 1 && waiting.isEmpty();
            for (int i = 0; i < running.size(); i++) {
                Running each = running.get(i);
                Duration turn = i > 0 ? Duration.ZERO : alone ? timeout : TURN;
                Optional<TokenStream.Event> event = each.tokens().next(turn);
                if (event.isPresent()) {
                    running.remove(i);
                    if (!(event.get() instanceof Generation)) {
                        running.add(each); // behind the others
                    }
                    return Optional.of(new Event(each.index(), event.get()));
                }
            }
            if (running.isEmpty()) {
                LockSupport.parkNanos(TURN.toNanos());
            }
        } while (!ended() && System.nanoTime() < until);
        return Optional.empty();
    }

    /// Cancels all. Any thread may.
    void cancel() {
        cancelled = true;
        running.forEach(each -> each.tokens().cancel());
    }

    @Override
    public void close() {
        cancelled = true;
        running.forEach(each -> each.tokens().close());
    }
}
