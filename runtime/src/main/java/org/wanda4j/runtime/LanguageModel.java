package org.wanda4j.runtime;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.Detokenizer;
import org.wanda4j.text.EndTokens;
import org.wanda4j.text.Tokenizer;

/// A model that writes text: a dense or packed checkpoint, used where it is mapped.
///
/// Threads may share one; what they ask for at the same time is decoded together.
public final class LanguageModel implements AutoCloseable {

    private final Checkpoint checkpoint;
    private final Tokenizer tokenizer;
    private final Set<Integer> endTokens;
    private final Decoder decoder;
    private final Scheduler scheduler;

    /// How a model is run.
    ///
    /// @param threads that decode
    /// @param atOnce texts that are decoded together
    /// @param queueLimit texts that may wait for others to end
    /// @param kept texts whose keys and values are kept when they ended: a prompt that begins like one of them is not decoded
    ///     again as far as they agree
    /// @param cacheBytes memory that keys and values of all texts may take: kept texts make way first, then texts wait
    public record Settings(int threads, int atOnce, int queueLimit, int kept, long cacheBytes) {

        private static final int MEMORY_SHARE = 4;

        /// Checks the ranges.
        ///
        /// @throws InvalidInputException when one is left
        public Settings {
            check(threads >= 1, "threads must be at least 1", threads);
            check(
                    atOnce >= 1 && atOnce <= Decoder.LARGEST_BATCH,
                    "between 1 and " + Decoder.LARGEST_BATCH + " texts can run at once",
                    atOnce);
            check(queueLimit >= 0, "the queue's limit must not be negative", queueLimit);
            check(kept >= 0, "the number of kept texts must not be negative", kept);
            check(cacheBytes >= 1, "keys and values need memory", cacheBytes);
        }

        /// Keeps no text that ended; keys and values take [#defaultCacheBytes()] at most.
        public Settings(int threads, int atOnce, int queueLimit) {
            this(threads, atOnce, queueLimit, 0, defaultCacheBytes());
        }

        /// A quarter of the memory of this machine, or container.
        public static long defaultCacheBytes() {
            return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)
                            .getTotalMemorySize()
                    / MEMORY_SHARE;
        }

        private static void check(boolean valid, String what, long value) {
            if (!valid) {
                throw new InvalidInputException(what + ", got " + value);
            }
        }

        /// All processors, sixteen texts together, and any number that wait.
        public static final Settings DEFAULT =
                new Settings(Runtime.getRuntime().availableProcessors(), 16, Integer.MAX_VALUE / 2);
    }

    /// How busy a model is.
    ///
    /// @param waiting texts that wait for others to end
    /// @param running texts that are decoded
    /// @param cacheBytes memory that running and kept texts take for keys and values
    /// @param cacheLimit bytes that they may take
    public record Load(int waiting, int running, long cacheBytes, long cacheLimit) {}

    private LanguageModel(
            Checkpoint checkpoint, Tokenizer tokenizer, Decoder decoder, Settings settings) {
        this.checkpoint = checkpoint;
        this.tokenizer = tokenizer;
        this.endTokens = EndTokens.of(checkpoint.directory(), tokenizer.end());
        this.decoder = decoder;
        if (decoder.cache().mostPositions() == 0) {
            throw new InvalidInputException(
                    "%s: %d tokens, the fewest that a text gets memory for, take %s for keys and values; they may take %s (--cache-memory)"
                            .formatted(
                                    checkpoint.directory(),
                                    CachePool.POSITIONS,
                                    megabytes(decoder.cache().pageBytes()),
                                    megabytes(settings.cacheBytes())));
        }
        this.scheduler =
                new Scheduler(decoder, settings.atOnce(), settings.queueLimit(), settings.kept());
    }

    /// Opens the model in `directory`.
    ///
    /// @throws InvalidInputException when it cannot be used
    public static LanguageModel open(Path directory) {
        return open(directory, Settings.DEFAULT);
    }

    /// Opens the model in `directory`.
    ///
    /// @throws InvalidInputException when it cannot be used
    public static LanguageModel open(Path directory, Settings settings) {
        var opening = CompletableFuture.supplyAsync(() -> Tokenizer.open(directory));
        try {
            return open(Checkpoint.open(directory), opening, settings);
        } catch (RuntimeException | Error e) {
            var _ = opening.thenAccept(Tokenizer::close);
            throw e;
        }
    }

    /// @param opening takes as long as all else together, and is waited for last
    private static LanguageModel open(
            Checkpoint checkpoint, CompletableFuture<Tokenizer> opening, Settings settings) {
        try {
            var decoder =
                    new Decoder(
                            checkpoint,
                            KernelChoice.BEST,
                            settings.threads(),
                            settings.cacheBytes());
            try {
                return new LanguageModel(checkpoint, opened(opening), decoder, settings);
            } catch (RuntimeException | Error e) {
                decoder.close();
                throw e;
            }
        } catch (RuntimeException | Error e) {
            checkpoint.close();
            throw e;
        }
    }

    private static Tokenizer opened(CompletableFuture<Tokenizer> opening) {
        try {
            return opening.join();
        } catch (CompletionException e) {
            switch (e.getCause()) {
                case RuntimeException known -> throw known;
                case Error error -> throw error;
                default -> throw e;
            }
        }
    }

    /// What runs, for a banner.
    public static String kernels() {
        return KernelChoice.BEST.description();
    }

    /// Tokens that a text can have, its prompt included: those that the model was made for, or those whose keys and values the
    /// memory for them holds, whichever are fewer.
    public int context() {
        return Math.min(decoder.architecture().positions(), decoder.cache().mostPositions());
    }

    /// How busy it is now.
    public Load load() {
        return scheduler.load();
    }

    /// Completes when it decodes no more: when it is closed, or, exceptionally, with the fault that ended the thread that
    /// decodes. All else that fails ends a text, and not this.
    public CompletableFuture<Void> ended() {
        return scheduler.ended();
    }

    /// Whether it decodes: not closed, and not [#ended()] by a fault.
    public boolean isAlive() {
        return scheduler.isAlive();
    }

    /// Number of tokens that the model knows; their ids count from 0. The tokenizer may have more, which the model's embedding has
    /// no row for, such as one to pad with that was added later; and the embedding may have more rows.
    public int vocabulary() {
        return Math.min(tokenizer.vocabularySize(), decoder.architecture().vocabulary());
    }

    /// The tokens of a text, with the special tokens that the tokenizer adds.
    ///
    /// @throws InvalidInputException when half of a surrogate pair stands alone in `text`, or a token is not the model's
    public int[] tokens(String text) {
        return known(tokenizer.encode(text));
    }

    /// The tokens of a text that writes its special tokens itself, as a chat template does.
    ///
    /// @throws InvalidInputException when half of a surrogate pair stands alone in `text`, or a token is not the model's
    public int[] tokensAsWritten(String text) {
        return known(tokenizer.encodeAsWritten(text));
    }

    private int[] known(int[] ids) {
        for (int id : ids) {
            if (id >= vocabulary()) {
                throw new InvalidInputException(
                        "the text has the token %s with the id %d, which the tokenizer knows and the model does not: its ids lie in [0, %d)"
                                .formatted(tokenizer.decode(new int[] {id}), id, vocabulary()));
            }
        }
        return ids;
    }

    /// Goes on with `prompt`, and returns when the answer is complete.
    ///
    /// @param pieces told of the text as it comes, by the calling thread; what it throws ends the answer
    /// @throws InvalidInputException when the prompt is empty or longer than the context, or its answer may take more memory
    ///     for keys and values than there is
    /// @throws QueueFullException when too many texts wait already
    public Generation generate(String prompt, Sampling sampling, Consumer<String> pieces) {
        try (Answer answer = start(tokens(prompt), sampling, OptionalInt.empty())) {
            while (true) {
                switch (answer.next()) {
                    case Answer.Piece piece -> pieces.accept(piece.text());
                    case Generation generation -> {
                        return generation;
                    }
                }
            }
        }
    }

    /// Goes on with `prompt`: pieces of text as they come. Close the stream to end it early.
    ///
    /// @see #generate(String, Sampling, Consumer)
    public Stream<String> stream(String prompt, Sampling sampling) {
        Answer answer = start(tokens(prompt), sampling, OptionalInt.empty());
        return Stream.generate(answer::next)
                .takeWhile(Answer.Piece.class::isInstance)
                .map(piece -> ((Answer.Piece) piece).text())
                .onClose(answer::close);
    }

    /// Starts to go on with the text of some tokens; returns before anything is written. The answer's text is what follows on the
    /// prompt's, with the space between them where there is one.
    ///
    /// @param prompt ids below [#vocabulary()]
    /// @param alternatives how many of the likeliest tokens the answer tells with each of its tokens; empty where it is to
    ///     tell of text alone
    /// @throws InvalidInputException when the prompt is empty or longer than the context, or its answer may take more memory
    ///     for keys and values than there is
    /// @throws QueueFullException when too many texts wait already
    public Answer start(int[] prompt, Sampling sampling, OptionalInt alternatives) {
        checkPrompt(prompt);
        return start(prompt, new Detokenizer(tokenizer, prompt), sampling, alternatives);
    }

    /// Starts to reply to a conversation; returns before anything is written. The reply is a text of its own: a space before its
    /// first word, which many tokenizers write into the word's token, is no part of it.
    ///
    /// @see #start(int[], Sampling, OptionalInt)
    public Answer reply(int[] prompt, Sampling sampling, OptionalInt alternatives) {
        checkPrompt(prompt);
        return start(prompt, new Detokenizer(tokenizer), sampling, alternatives);
    }

    private Answer start(
            int[] prompt, Detokenizer detokenizer, Sampling sampling, OptionalInt alternatives) {
        int limit =
                Math.min(decoder.architecture().positions() - prompt.length, sampling.maxTokens());
        checkMemory(prompt.length, limit);
        var unread = new Unread(scheduler::wake);
        var writer =
                new AnswerWriter(
                        detokenizer,
                        new StopTexts(sampling.stop()),
                        endTokens,
                        alternatives,
                        prompt.length,
                        unread);
        var request = new Request(prompt, limit, new Sampler(sampling, vocabulary()), writer);
        if (limit == 0) {
            writer.finished(Generation.Finish.LENGTH);
        } else if (!scheduler.submit(request)) {
            throw new QueueFullException(load());
        }
        return new Answer(unread, () -> scheduler.cancel(request));
    }

    /// What decodes, for tests that hold it.
    Scheduler scheduler() {
        return scheduler;
    }

    private void checkPrompt(int[] prompt) {
        if (prompt.length == 0) {
            throw new InvalidInputException("the prompt is empty");
        }
        int positions = decoder.architecture().positions();
        if (prompt.length >= positions) {
            throw new InvalidInputException(
                    "the prompt has %,d tokens; the model's context has room for %,d and an answer"
                            .formatted(prompt.length, positions - 1));
        }
        for (int id : prompt) {
            if (id < 0 || id >= vocabulary()) {
                throw new InvalidInputException(
                        "%d is no token of the model: ids lie in [0, %d)"
                                .formatted(id, vocabulary()));
            }
        }
    }

    private void checkMemory(int prompt, int answer) {
        CachePool cache = decoder.cache();
        if (prompt + answer > cache.mostPositions()) {
            throw new InvalidInputException(
                    "the prompt has %,d tokens, the answer up to %,d; their keys and values take %s, and may take %s (--cache-memory), room for %,d tokens"
                            .formatted(
                                    prompt,
                                    answer,
                                    megabytes(CachePool.pages(prompt + answer) * cache.pageBytes()),
                                    megabytes(cache.mostBytes()),
                                    cache.mostPositions()));
        }
    }

    private static String megabytes(long bytes) {
        return "%,.1f MB".formatted(bytes / 1e6);
    }

    @Override
    public void close() {
        scheduler.close();
        tokenizer.close();
        checkpoint.close();
    }
}
