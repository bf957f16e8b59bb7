package org.wanda4j.runtime;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import org.wanda4j.runtime.Generation.Finish;

/// Decodes many texts at once: each turn takes the next token of every running text and as much of waiting prompts as
/// fits a batch, so that weights are read once for all of them.
///
/// A request that fails ends alone; where the decoder fails, all that run end, and the next ones begin.
final class Scheduler implements AutoCloseable {

    private final Decoder decoder;
    private final int atOnce;
    private final int queueLimit;
    private final Deque<Request> queue = new ArrayDeque<>();
    private final List<Request> running = new ArrayList<>();
    private final KeptTexts kept;
    private final Thread thread;
    private boolean closed;

    /// @param decoder used by nobody else, and closed with this
    /// @param atOnce texts that run together, at most [Decoder#LARGEST_BATCH]
    /// @param queueLimit texts that may wait for others to end
    /// @param kept texts that are kept when they ended, for others that begin like them
    Scheduler(Decoder decoder, int atOnce, int queueLimit, int kept) {
        this.decoder = decoder;
        this.atOnce = atOnce;
        this.queueLimit = queueLimit;
        this.kept = new KeptTexts(kept);
        this.thread = Thread.ofPlatform().name("wanda-scheduler").daemon().start(this::loop);
    }

    /// Queues a request.
    ///
    /// @return whether there was room: as many may wait as are free to run, and the queue's limit
    synchronized boolean submit(Request request) {
        if (closed) {
            throw new IllegalStateException("the model is closed");
        }
        if (queue.size() >= atOnce - running.size() + queueLimit) {
            return false;
        }
        queue.add(request);
        notifyAll();
        return true;
    }

    /// Ends a request before its time: at once where it waits, after the turn where it runs.
    void cancel(Request request) {
        request.cancel();
        boolean waited;
        synchronized (this) {
            waited = queue.remove(request);
        }
        if (waited) {
            tell(request, Finish.CANCELLED);
        }
    }

    /// How busy it is.
    synchronized LanguageModel.Load load() {
        return new LanguageModel.Load(queue.size(), running.size(), decoder.cacheBytes());
    }

    private void loop() {
        try {
            while (admit()) {
                try {
                    turn();
                } catch (RuntimeException | Error e) {
                    List.copyOf(running).forEach(request -> fail(request, e));
                }
            }
        } finally {
            List.copyOf(running).forEach(request -> end(request, Finish.CANCELLED));
            drain().forEach(request -> tell(request, Finish.CANCELLED));
            kept.close();
            decoder.close();
        }
    }

    private synchronized List<Request> drain() {
        closed = true;
        List<Request> waiting = List.copyOf(queue);
        queue.clear();
        return waiting;
    }

    /// Waits until there is something to do.
    ///
    /// @return false when there will not be any more
    private synchronized boolean admit() {
        while (!closed && running.isEmpty() && queue.isEmpty()) {
            try {
                wait();
            } catch (InterruptedException e) {
                return false;
            }
        }
        while (running.size() < atOnce && !queue.isEmpty()) {
            Request request = queue.poll();
            running.add(request);
        }
        return !closed;
    }

    private void turn() {
        for (Request request : List.copyOf(running)) {
            if (request.isCancelled()) {
                end(request, Finish.CANCELLED);
            }
        }
        List<Batch.Step> steps = new ArrayList<>();
        List<Request> predicted = new ArrayList<>();
        int room = Decoder.LARGEST_BATCH;
        for (Request request : answersFirst()) {
            if (room > 0) {
                try {
                    begin(request);
                    Batch.Step step = request.next(room);
                    room -= step.tokens().length;
                    steps.add(step);
                    if (step.predicts()) {
                        predicted.add(request);
                    }
                } catch (RuntimeException | OutOfMemoryError e) {
                    fail(request, e);
                }
            }
        }
        if (steps.isEmpty()) {
            return;
        }
        choose(predicted, decoder.forward(steps));
    }

    private void begin(Request request) {
        if (!request.hasBegun()) {
            request.begin(kept.find(request.text()).orElseGet(decoder::newSequence));
        }
    }

    /// A long prompt takes what room the answers leave, and does not stop them.
    private List<Request> answersFirst() {
        return running.stream()
                .sorted(Comparator.comparing(request -> !request.answers()))
                .toList();
    }

    /// Draws the next tokens of all texts at the same time, then tells of them one after the other.
    private void choose(List<Request> predicted, float[] logits) {
        int vocabulary = decoder.architecture().vocabulary();
        var failures = new RuntimeException[predicted.size()];
        decoder.share(
                predicted.size(),
                i -> {
                    try {
                        predicted.get(i).draw(logits, i * decoder.logitsWidth(), vocabulary);
                    } catch (RuntimeException e) {
                        failures[i] = e;
                    }
                });
        for (int i = 0; i < failures.length; i++) {
            Request request = predicted.get(i);
            try {
                if (failures[i] != null) {
                    throw failures[i];
                }
                request.take().ifPresent(finish -> end(request, finish));
            } catch (RuntimeException e) {
                fail(request, e);
            }
        }
    }

    private void end(Request request, Finish finish) {
        request.end().ifPresent(decoded -> kept.keep(request.text(), decoded));
        remove(request);
        tell(request, finish);
    }

    private void fail(Request request, Throwable cause) {
        request.end().ifPresent(Sequence::close);
        remove(request);
        request.listener().failed(cause);
    }

    private synchronized void remove(Request request) {
        running.remove(request);
    }

    private static void tell(Request request, Finish finish) {
        try {
            request.listener().finished(finish);
        } catch (RuntimeException e) {
            request.listener().failed(e);
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
