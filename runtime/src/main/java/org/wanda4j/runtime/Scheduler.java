package org.wanda4j.runtime;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.wanda4j.runtime.Generation.FinishReason;
import org.wanda4j.runtime.internal.decode.CachePool;
import org.wanda4j.runtime.internal.decode.DecodeBatch;
import org.wanda4j.runtime.internal.decode.Decoder;
import org.wanda4j.runtime.internal.decode.Sequence;
import org.wanda4j.threads.Threads;

/// Continuous batching: each step decodes the next token of every running request and as much of their prompts as fits a batch, so
/// that weights are read once for all of them.
///
/// Requests begin in the order of their arrival, each when the cache has memory for its prompt; entries of the prefix cache are dropped
/// for that. When the running requests have outgrown the memory, the one that began last is preempted: its keys and values are freed,
/// and it begins again, with all that it had generated, once there is memory for the most that it may generate.
///
/// A failure ends one request: a batch that fails is decoded again request by request, to find the one that fails.
final class Scheduler implements AutoCloseable {

    /// Most logits of a step, for requests that score their prompts: 64 MB.
    private static final int MOST_LOGITS = 1 << 24;

    private final Decoder decoder;
    private final int maxRunning;
    private final int queueLimit;
    private final Deque<GenerationRequest> queue = new ArrayDeque<>();
    private final List<GenerationRequest> running = new ArrayList<>();
    private final PrefixCache prefixes;
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private final Thread thread;
    private boolean closed;

    /// A request's share of a batch.
    private record ScheduledStep(GenerationRequest request, DecodeBatch.Step step) {}

    /// A token behind which logits are needed.
    ///
    /// @param index among those of the request's step
    private record Prediction(GenerationRequest request, int index) {}

    /// @param decoder is used by this alone, and closed with it
    /// @param maxRunning most requests that run at the same time, up to [Decoder#LARGEST_BATCH]
    /// @param queueLimit most requests that wait for others to end
    /// @param prefixCacheSize entries of the prefix cache
    Scheduler(Decoder decoder, int maxRunning, int queueLimit, int prefixCacheSize) {
        this.decoder = decoder;
        this.maxRunning = maxRunning;
        this.queueLimit = queueLimit;
        this.prefixes = new PrefixCache(prefixCacheSize);
        this.thread = Thread.ofPlatform().name("wanda-scheduler").daemon().start(this::loop);
    }

    /// Queues a request.
    ///
    /// @return whether the queue had room: for its limit and as many more as could run
    /// @throws IllegalStateException when this is closed, or its thread has ended
    synchronized boolean submit(GenerationRequest request) {
        if (closed) {
            throw ended.isCompletedExceptionally()
                    ? new IllegalStateException("the model failed for good", ended.exceptionNow())
                    : new IllegalStateException("the model is closed");
        }
        if (queue.size() - queueLimit >= maxRunning - running.size()) { // a sum could overflow
            return false;
        }
        queue.add(request);
        notifyAll();
        return true;
    }

    /// Cancels a request: at once where it waits, after the current step where it runs.
    void cancel(GenerationRequest request) {
        request.cancel();
        boolean wasQueued;
        synchronized (this) {
            wasQueued = queue.remove(request);
            notifyAll();
        }
        if (wasQueued) {
            notifyListener(request, FinishReason.CANCELLED);
        }
    }

    /// Notifies this that the listener of a paused request may take tokens again.
    synchronized void wake() {
        notifyAll();
    }

    int mostRunning() {
        return maxRunning;
    }

    /// The current load.
    synchronized LanguageModel.Load load() {
        return new LanguageModel.Load(
                queue.size(),
                running.size(),
                decoder.cache().takenBytes(),
                decoder.cache().mostBytes());
    }

    /// Whether the decoding thread runs.
    boolean isAlive() {
        return !ended.isDone();
    }

    /// Completes when the decoding thread ends: by [#close()], or exceptionally with what it failed with. Each returned future is held
    /// until then.
    CompletableFuture<Void> ended() {
        return ended.copy();
    }

    private void loop() {
        try (decoder;
                prefixes) {
            try {
                while (awaitWork()) {
                    try {
                        step();
                    } catch (RuntimeException | Error e) {
                        List.copyOf(running).forEach(request -> fail(request, e));
                    }
                }
            } finally {
                drain().forEach(request -> notifyListener(request, FinishReason.CANCELLED));
                List.copyOf(running).forEach(request -> end(request, FinishReason.CANCELLED));
            }
        } catch (InterruptedException | RuntimeException | Error e) {
            ended.completeExceptionally(e);
        } finally {
            ended.complete(null);
        }
    }

    private synchronized List<GenerationRequest> drain() {
        closed = true;
        List<GenerationRequest> waiting = List.copyOf(queue);
        queue.clear();
        return waiting;
    }

    /// Waits until there is something to decode.
    ///
    /// @return false when this is closed
    private synchronized boolean awaitWork() throws InterruptedException {
        while (!closed && isIdle()) {
            wait();
        }
        return !closed;
    }

    /// Whether every running request is paused, and no waiting one may begin.
    private boolean isIdle() {
        return running.stream().allMatch(GenerationRequest::isPaused) && !mayBegin();
    }

    /// Whether the request that has waited longest may begin.
    private boolean mayBegin() {
        return running.size() < maxRunning && !queue.isEmpty() && hasRoom(queue.peek());
    }

    private void step() {
        for (GenerationRequest request : List.copyOf(running)) {
            if (request.isCancelled()) {
                end(request, FinishReason.CANCELLED);
            }
        }
        boolean enough = reserveAll();
        while (enough && beginNext()) {
            enough = reserveAll();
        }
        List<ScheduledStep> parts = new ArrayList<>();
        int room = Decoder.LARGEST_BATCH;
        int predictions = Math.max(maxRunning, MOST_LOGITS / decoder.logitsWidth());
        for (GenerationRequest request : generatingFirst()) {
            if (room > 0 && predictions > 0) {
                try {
                    DecodeBatch.Step step = request.next(room, predictions);
                    room -= step.tokens().length;
                    predictions -= step.predictions();
                    parts.add(new ScheduledStep(request, step));
                } catch (RuntimeException | Error e) {
                    fail(request, e);
                }
            }
        }
        if (!parts.isEmpty()) {
            decode(parts);
        }
    }

    /// Decodes a batch. Where that fails, no sequence has changed.
    private void decode(List<ScheduledStep> parts) {
        float[] logits;
        try {
            logits = decoder.forward(parts.stream().map(ScheduledStep::step).toList());
        } catch (RuntimeException | Error e) {
            if (parts.size() == 1) {
                fail(parts.getFirst().request(), e);
            } else {
                parts.forEach(part -> decode(List.of(part)));
            }
            return;
        }
        sample(parts, logits);
    }

    /// Begins the request that has waited longest, if it may.
    ///
    /// @return whether one began
    private boolean beginNext() {
        GenerationRequest next;
        synchronized (this) {
            if (!mayBegin()) {
                return false;
            }
            next = queue.remove();
            running.add(next);
        }
        try {
            int[] tokens = next.tokens();
            Optional<Sequence> shared =
                    next.mayShareBeginning()
                            ? prefixes.find(
                                    tokens, decoded -> decoder.canContinue(decoded, tokens.length))
                            : Optional.empty();
            next.begin(shared.orElseGet(decoder::newSequence));
        } catch (RuntimeException | Error e) {
            fail(next, e);
        }
        return true;
    }

    private boolean hasRoom(GenerationRequest request) {
        return running.isEmpty()
                || CachePool.pages(request.neededPositions())
                        <= decoder.cache().freePages() + prefixes.pages();
    }

    /// Reserves cache positions for the next step of each running request, in the order in which they began; preempts the last ones
    /// where there are not enough.
    ///
    /// @return whether none was preempted
    private boolean reserveAll() {
        boolean enough = true;
        for (GenerationRequest request : List.copyOf(running)) {
            try {
                while (request.hasBegun() && !reserve(request)) {
                    if (running.size() == 1) {
                        throw new OutOfMemoryError("the system has no memory for keys and values");
                    }
                    preempt(running.getLast());
                    enough = false;
                }
            } catch (RuntimeException | Error e) {
                fail(request, e);
            }
        }
        return enough;
    }

    /// Reserves cache positions for the next step of a request; drops entries of the prefix cache for that.
    private boolean reserve(GenerationRequest request) {
        boolean reserved = request.reserve();
        while (!reserved && prefixes.dropOldest()) {
            reserved = request.reserve();
        }
        return reserved;
    }

    private synchronized void preempt(GenerationRequest request) {
        request.preempt();
        running.remove(request);
        queue.addFirst(request);
    }

    /// Requests that generate come before prompts, so that a long prompt does not delay them.
    private List<GenerationRequest> generatingFirst() {
        return running.stream()
                .filter(request -> !request.isPaused())
                .sorted(Comparator.comparing(request -> !request.isGenerating()))
                .toList();
    }

    /// Scores tokens of prompts and samples the next tokens of all requests in parallel, then passes them on one request after the other.
    private void sample(List<ScheduledStep> parts, float[] logits) {
        int vocabulary = decoder.architecture().vocabulary();
        List<Prediction> predictions = new ArrayList<>();
        for (ScheduledStep part : parts) {
            for (int i = 0; i < part.step().predictions(); i++) {
                predictions.add(new Prediction(part.request(), i));
            }
        }
        Map<GenerationRequest, Throwable> failures = new ConcurrentHashMap<>();
        decoder.parallelFor(
                predictions.size(),
                i -> {
                    Prediction each = predictions.get(i);
                    try {
                        each.request()
                                .predict(
                                        each.index(),
                                        logits,
                                        i * decoder.logitsWidth(),
                                        vocabulary);
                    } catch (RuntimeException | Error e) {
                        failures.put(each.request(), e);
                    }
                });
        for (ScheduledStep part : parts) {
            if (failures.containsKey(part.request())) {
                fail(part.request(), failures.get(part.request()));
            } else if (part.step().predictions() > 0) {
                take(part.request());
            }
        }
    }

    private void take(GenerationRequest request) {
        Optional<FinishReason> finish;
        try {
            finish = request.take();
        } catch (RuntimeException | Error e) {
            fail(request, e);
            return;
        }
        finish.ifPresent(reason -> end(request, reason));
    }

    private void end(GenerationRequest request, FinishReason finish) {
        Optional<Sequence> decoded = request.end();
        try {
            decoded.ifPresent(sequence -> prefixes.add(request.tokens(), sequence));
        } catch (RuntimeException | Error e) {
            decoded.ifPresent(Sequence::close); // it has ended all the same
        }
        remove(request);
        notifyListener(request, finish);
    }

    private void fail(GenerationRequest request, Throwable cause) {
        request.end().ifPresent(Sequence::close);
        remove(request);
        notifyListener(request, cause);
    }

    private synchronized void remove(GenerationRequest request) {
        running.remove(request);
    }

    private static void notifyListener(GenerationRequest request, FinishReason finish) {
        try {
            request.listener().finished(finish);
        } catch (RuntimeException | Error e) {
            notifyListener(request, e);
        }
    }

    private static void notifyListener(GenerationRequest request, Throwable cause) {
        try {
            request.listener().failed(cause);
        } catch (RuntimeException | Error e) {
            // It must not end other requests.
            System.getLogger("org.wanda4j.runtime")
                    .log(System.Logger.Level.WARNING, "a listener of a request failed", e);
        }
    }

    /// Waits for the decoding thread, even when interrupted: memory that it reads is unmapped afterwards.
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        Threads.join(thread);
    }
}
