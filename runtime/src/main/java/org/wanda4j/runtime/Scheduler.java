package org.wanda4j.runtime;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.wanda4j.runtime.Generation.Finish;

/// Decodes many texts at once: each turn takes the next token of every running text and as much of waiting prompts as
/// fits a batch, so that weights are read once for all of them.
///
/// Texts begin in the order in which they came, each when keys and values of its prompt find room, for which kept texts make way. When
/// those that run have grown until there is none, the one that came last gives way: it waits until its longest answer has
/// room, and is decoded again. Nothing fails because others run.
///
/// A request that fails ends alone: a batch that fails is decoded again text by text, to find the one that cannot be.
final class Scheduler implements AutoCloseable {

    private final Decoder decoder;
    private final int atOnce;
    private final int queueLimit;
    private final Deque<Request> queue = new ArrayDeque<>();
    private final List<Request> running = new ArrayList<>();
    private final KeptTexts kept;
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private final Thread thread;
    private boolean closed;

    /// What one text has decoded in a turn.
    private record Part(Request request, Batch.Step step) {}

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
            throw ended.isCompletedExceptionally()
                    ? new IllegalStateException("the model failed for good", ended.exceptionNow())
                    : new IllegalStateException("the model is closed");
        }
        if (queue.size() - queueLimit >= atOnce - running.size()) { // So it does not overflow.
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
            notifyAll();
        }
        if (waited) {
            tell(request, Finish.CANCELLED);
        }
    }

    /// Tells that a request may not wait for its listener any more.
    synchronized void wake() {
        notifyAll();
    }

    /// How busy it is.
    synchronized LanguageModel.Load load() {
        return new LanguageModel.Load(
                queue.size(),
                running.size(),
                decoder.cache().takenBytes(),
                decoder.cache().mostBytes());
    }

    /// Whether the thread that decodes has not ended.
    boolean isAlive() {
        return !ended.isDone();
    }

    /// When the thread that decodes has ended: by [#close()], or with what it failed with. Each of these is held until then.
    CompletableFuture<Void> ended() {
        return ended.copy();
    }

    private void loop() {
        try (decoder;
                kept) {
            try {
                while (admit()) {
                    try {
                        turn();
                    } catch (RuntimeException | Error e) {
                        List.copyOf(running).forEach(request -> fail(request, e));
                    }
                }
            } finally {
                drain().forEach(request -> tell(request, Finish.CANCELLED));
                List.copyOf(running).forEach(request -> end(request, Finish.CANCELLED));
            }
        } catch (InterruptedException | RuntimeException | Error e) {
            ended.completeExceptionally(e);
        } finally {
            ended.complete(null);
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
    private synchronized boolean admit() throws InterruptedException {
        while (!closed && isIdle()) {
            wait();
        }
        return !closed;
    }

    /// Whether nothing that runs can go on, and nothing that waits can begin.
    private boolean isIdle() {
        return running.stream().allMatch(Request::waits) && !mayBegin();
    }

    /// Whether the text that has waited longest may begin.
    private boolean mayBegin() {
        return running.size() < atOnce && !queue.isEmpty() && hasRoom(queue.peek());
    }

    private void turn() {
        for (Request request : List.copyOf(running)) {
            if (request.isCancelled()) {
                end(request, Finish.CANCELLED);
            }
        }
        boolean enough = makeRoom();
        while (enough && beginNext()) {
            enough = makeRoom();
        }
        List<Part> parts = new ArrayList<>();
        int room = Decoder.LARGEST_BATCH;
        for (Request request : answersFirst()) {
            if (room > 0) {
                try {
                    Batch.Step step = request.next(room);
                    room -= step.tokens().length;
                    parts.add(new Part(request, step));
                } catch (RuntimeException | Error e) {
                    fail(request, e);
                }
            }
        }
        if (!parts.isEmpty()) {
            decode(parts);
        }
    }

    /// A batch that failed left all of its texts as they were.
    private void decode(List<Part> parts) {
        float[] logits;
        try {
            logits = decoder.forward(parts.stream().map(Part::step).toList());
        } catch (RuntimeException | Error e) {
            if (parts.size() == 1) {
                fail(parts.getFirst().request(), e);
            } else {
                parts.forEach(part -> decode(List.of(part)));
            }
            return;
        }
        choose(
                parts.stream().filter(part -> part.step().predicts()).map(Part::request).toList(),
                logits);
    }

    /// Begins the text that has waited longest, if it may.
    ///
    /// @return whether one began
    private boolean beginNext() {
        Request next;
        synchronized (this) {
            if (!mayBegin()) {
                return false;
            }
            next = queue.remove();
            running.add(next);
        }
        try {
            next.begin(kept.find(next.text()).orElseGet(decoder::newSequence));
        } catch (RuntimeException | Error e) {
            fail(next, e);
        }
        return true;
    }

    private boolean hasRoom(Request request) {
        return running.isEmpty()
                || CachePool.pages(request.wants()) <= decoder.cache().freePages() + kept.pages();
    }

    /// Makes room for what each running text decodes next, in the order in which they began.
    ///
    /// @return whether there was enough for all of them
    private boolean makeRoom() {
        boolean enough = true;
        for (Request request : List.copyOf(running)) {
            try {
                while (request.hasBegun() && !reserve(request)) {
                    if (running.size() == 1) {
                        throw new OutOfMemoryError("the system has no memory for keys and values");
                    }
                    pause(running.getLast());
                    enough = false;
                }
            } catch (RuntimeException | Error e) {
                fail(request, e);
            }
        }
        return enough;
    }

    /// Makes room for what a text decodes next; kept texts make way.
    private boolean reserve(Request request) {
        boolean reserved = request.reserve();
        while (!reserved && kept.dropOldest()) {
            reserved = request.reserve();
        }
        return reserved;
    }

    private synchronized void pause(Request request) {
        request.pause();
        running.remove(request);
        queue.addFirst(request);
    }

    /// A long prompt takes what room the answers leave, and does not stop them.
    private List<Request> answersFirst() {
        return running.stream()
                .filter(request -> !request.waits())
                .sorted(Comparator.comparing(request -> !request.answers()))
                .toList();
    }

    /// Draws the next tokens of all texts at the same time, then tells of them one after the other.
    private void choose(List<Request> predicted, float[] logits) {
        int vocabulary = decoder.architecture().vocabulary();
        var failures = new Throwable[predicted.size()];
        decoder.share(
                predicted.size(),
                i -> {
                    try {
                        predicted.get(i).draw(logits, i * decoder.logitsWidth(), vocabulary);
                    } catch (RuntimeException | Error e) {
                        failures[i] = e;
                    }
                });
        for (int i = 0; i < failures.length; i++) {
            Request request = predicted.get(i);
            if (failures[i] == null) {
                take(request);
            } else {
                fail(request, failures[i]);
            }
        }
    }

    private void take(Request request) {
        Optional<Finish> finish;
        try {
            finish = request.take();
        } catch (RuntimeException | Error e) {
            fail(request, e);
            return;
        }
        finish.ifPresent(why -> end(request, why));
    }

    private void end(Request request, Finish finish) {
        Optional<Sequence> decoded = request.end();
        try {
            decoded.ifPresent(text -> kept.keep(request.text(), text));
        } catch (RuntimeException | Error e) {
            decoded.ifPresent(Sequence::close); // The text is complete without being kept.
        }
        remove(request);
        tell(request, finish);
    }

    private void fail(Request request, Throwable cause) {
        request.end().ifPresent(Sequence::close);
        remove(request);
        tell(request, cause);
    }

    private synchronized void remove(Request request) {
        running.remove(request);
    }

    private static void tell(Request request, Finish finish) {
        try {
            request.listener().finished(finish);
        } catch (RuntimeException | Error e) {
            tell(request, e);
        }
    }

    private static void tell(Request request, Throwable cause) {
        try {
            request.listener().failed(cause);
        } catch (RuntimeException | Error e) {
            // Who does not even take that is not to end the others.
        }
    }

    /// Waits for the thread that decodes, whoever interrupts: it reads memory that is unmapped behind this.
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
