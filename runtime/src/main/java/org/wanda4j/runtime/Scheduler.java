package org.wanda4j.runtime;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.wanda4j.runtime.Generation.Finish;

/// Decodes many texts at once: each turn takes the next token of every running text and as much of waiting prompts as
/// fits a batch, so that weights are read once for all of them.
final class Scheduler implements AutoCloseable {

    private final Decoder decoder;
    private final int atOnce;
    private final int queueLimit;
    private final Deque<Request> queue = new ArrayDeque<>();
    private final List<Request> running = new ArrayList<>();
    private final Thread thread;
    private boolean closed;

    /// @param decoder used by nobody else, and closed with this
    /// @param atOnce texts that run together
    /// @param queueLimit texts that may wait for others to end
    Scheduler(Decoder decoder, int atOnce, int queueLimit) {
        this.decoder = decoder;
        this.atOnce = atOnce;
        this.queueLimit = queueLimit;
        this.thread = Thread.ofPlatform().name("wanda-scheduler").daemon().start(this::loop);
    }

    /// Queues a request.
    ///
    /// @return whether there was room
    synchronized boolean submit(Request request) {
        if (closed) {
            throw new IllegalStateException("the model is closed");
        }
        if (queue.size() >= queueLimit) {
            return false;
        }
        queue.add(request);
        notifyAll();
        return true;
    }

    synchronized int waiting() {
        return queue.size();
    }

    synchronized int running() {
        return running.size();
    }

    private void loop() {
        try {
            while (admit()) {
                try {
                    turn();
                } catch (RuntimeException e) {
                    List.copyOf(running).forEach(request -> end(request, Optional.of(e), null));
                }
            }
        } finally {
            List.copyOf(running)
                    .forEach(request -> end(request, Optional.empty(), Finish.CANCELLED));
            synchronized (this) {
                queue.forEach(request -> request.listener().finished(Finish.CANCELLED));
                queue.clear();
            }
            decoder.close();
        }
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
            request.begin(decoder.newSequence());
            running.add(request);
        }
        return !closed;
    }

    private void turn() {
        for (Request request : List.copyOf(running)) {
            if (request.isCancelled()) {
                end(request, Optional.empty(), Finish.CANCELLED);
            }
        }
        List<Batch.Step> steps = new ArrayList<>();
        List<Request> predicted = new ArrayList<>();
        int room = Decoder.LARGEST_BATCH;
        for (Request request : running) {
            if (room > 0) {
                Batch.Step step = request.next(room);
                room -= step.tokens().length;
                steps.add(step);
                if (step.predicts()) {
                    predicted.add(request);
                }
            }
        }
        if (steps.isEmpty()) {
            return;
        }
        float[] logits = decoder.forward(steps);
        int vocabulary = decoder.architecture().vocabulary();
        for (int i = 0; i < predicted.size(); i++) {
            Request request = predicted.get(i);
            Finish finish = request.choose(logits, i * decoder.logitsWidth(), vocabulary);
            if (finish != null) {
                end(request, Optional.empty(), finish);
            }
        }
    }

    private void end(Request request, Optional<RuntimeException> failure, Finish finish) {
        synchronized (this) {
            running.remove(request);
        }
        request.end();
        failure.ifPresentOrElse(
                request.listener()::failed, () -> request.listener().finished(finish));
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
