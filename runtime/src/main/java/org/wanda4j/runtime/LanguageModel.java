package org.wanda4j.runtime;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.grammar.Constraint;
import org.wanda4j.grammar.Grammar;
import org.wanda4j.grammar.TokenTrie;
import org.wanda4j.runtime.internal.decode.CachePool;
import org.wanda4j.runtime.internal.decode.Decoder;
import org.wanda4j.text.Detokenizer;
import org.wanda4j.text.EndTokens;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.threads.Threads;

/// A language model that generates text, from a dense or packed checkpoint whose tensors stay in the mapped file.
///
/// Thread-safe. Concurrent generations are decoded in one batch.
public final class LanguageModel implements AutoCloseable {

    private final Checkpoint checkpoint;
    private final Tokenizer tokenizer;
    private final Set<Integer> endTokens;
    private final Decoder decoder;
    private final Scheduler scheduler;
    private Optional<TokenTrie> tokenTrie = Optional.empty();
    private final EventQueue.Unread unread = EventQueue.Unread.ofHeap();

    /// How a model is run.
    ///
    /// @param threads of the decoder
    /// @param maxRunning most generations that are decoded in one batch
    /// @param queueLimit most generations that wait for others to end
    /// @param prefixCacheSize most generations whose keys and values are kept after their end: a prefix that a later prompt shares
    ///     with one of them is not decoded again
    /// @param cacheBytes most memory for keys and values, in bytes: entries of the prefix cache are dropped first, then generations wait
    public record Settings(
            int threads, int maxRunning, int queueLimit, int prefixCacheSize, long cacheBytes) {

        private static final int MEMORY_SHARE = 4;

        /// Checks the ranges.
        ///
        /// @throws InvalidInputException when a value is out of its range
        public Settings {
            check(threads >= 1, "threads must be at least 1", threads);
            check(
                    maxRunning >= 1 && maxRunning <= Decoder.LARGEST_BATCH,
                    "between 1 and " + Decoder.LARGEST_BATCH + " texts can run at once",
                    maxRunning);
            check(queueLimit >= 0, "the queue's limit must not be negative", queueLimit);
            check(
                    prefixCacheSize >= 0,
                    "the number of kept texts must not be negative",
                    prefixCacheSize);
            check(cacheBytes >= 1, "keys and values need memory", cacheBytes);
        }

        /// Without a prefix cache, and with [#defaultCacheBytes()] for keys and values.
        public Settings(int threads, int maxRunning, int queueLimit) {
            this(threads, maxRunning, queueLimit, 0, defaultCacheBytes());
        }

        /// A quarter of the memory of this machine or container, in bytes.
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

        /// All processors, 16 generations in a batch, no limit of the queue.
        public static final Settings DEFAULT =
                new Settings(Runtime.getRuntime().availableProcessors(), 16, Integer.MAX_VALUE / 2);
    }

    /// Load of a model.
    ///
    /// @param waiting generations in the queue
    /// @param running generations that are decoded
    /// @param cacheBytes memory of keys and values, those of the prefix cache included, in bytes
    /// @param cacheLimit most such memory, in bytes
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
                new Scheduler(
                        decoder,
                        settings.maxRunning(),
                        settings.queueLimit(),
                        settings.prefixCacheSize());
    }

    /// Loads what every model needs, so that the next one is open sooner: for a thread beside that which finds out which model is wanted.
    /// Where something cannot be loaded, [#open(Path)] says so.
    public static void prepare() {
        try {
            var _ = KernelChoice.best();
        } catch (InvalidInputException e) {
            return;
        }
        Tokenizer.loadLibrary();
        Json.prepare();
    }

    /// Opens the model in `directory`.
    ///
    /// @throws InvalidInputException when it is no model that can be run
    public static LanguageModel open(Path directory) {
        return open(directory, Settings.DEFAULT);
    }

    /// Opens the model in `directory`.
    ///
    /// @throws InvalidInputException when it is no model that can be run
    public static LanguageModel open(Path directory, Settings settings) {
        var opening = CompletableFuture.supplyAsync(() -> Tokenizer.open(directory));
        try {
            return open(Checkpoint.open(directory), opening, settings);
        } catch (RuntimeException | Error e) {
            var _ = opening.thenAccept(Tokenizer::close);
            throw e;
        }
    }

    /// @param opening the tokenizer; takes about as long as everything else, and is awaited last
    private static LanguageModel open(
            Checkpoint checkpoint, CompletableFuture<Tokenizer> opening, Settings settings) {
        try {
            var decoder =
                    new Decoder(
                            checkpoint,
                            KernelChoice.best(),
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
            throw Threads.rethrow(e.getCause());
        }
    }

    /// The kernels that run on this machine, in words.
    public static String kernels() {
        return KernelChoice.best().description();
    }

    /// Which types of values zeros make faster on this machine, and which are laid out dense, in words.
    ///
    /// @param threads of the decoder
    public static String gainOfZeros(int threads) {
        return KernelChoice.gainOfZeros(threads);
    }

    /// Which matrices were laid out for the kernels when the model was opened, in words; empty where all are as their files have them.
    public String layout() {
        return decoder.layout();
    }

    /// Most tokens of a prompt and its generated text together: the model's positions, or those for which the memory for keys and values
    /// suffices, whichever are fewer.
    public int context() {
        return Math.min(decoder.architecture().positions(), decoder.cache().mostPositions());
    }

    /// The current load.
    public Load load() {
        return scheduler.load();
    }

    /// Completes when the decoding thread ends: when this is closed, or exceptionally, with the fault that ended the thread. Any other
    /// failure ends one generation only.
    public CompletableFuture<Void> ended() {
        return scheduler.ended();
    }

    /// Whether the decoding thread runs.
    public boolean isAlive() {
        return scheduler.isAlive();
    }

    /// Number of token ids, from 0: those that both the tokenizer and the embedding have. Either may have more: an added padding token
    /// has no row of the embedding, and an embedding may be padded to a round number of rows.
    public int vocabulary() {
        return Math.min(tokenizer.vocabularySize(), decoder.architecture().vocabulary());
    }

    /// Ids of a text's tokens, with the special tokens that the tokenizer adds.
    ///
    /// @throws InvalidInputException when half of a surrogate pair stands alone in `text`, or a token is not the model's
    public int[] tokens(String text) {
        return known(tokenizer.encode(text));
    }

    /// Ids of a text's tokens, where the text itself contains its special tokens, as a rendered chat template does.
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

    /// The text of some ids, special tokens included; unknown ids add nothing.
    public String text(int[] ids) {
        return tokenizer.decode(ids);
    }

    /// Continues `prompt`, and returns when the generation has ended.
    ///
    /// @param chunks receives the text as it is generated, on the calling thread; an exception that it throws cancels the generation
    /// @throws InvalidInputException when the prompt is empty or longer than the context, or the generation may need more memory
    ///     for keys and values than there is
    /// @throws QueueFullException when [Settings#queueLimit()] generations wait already
    public Generation generate(String prompt, Sampling sampling, Consumer<String> chunks) {
        try (TokenStream tokens = start(tokens(prompt), sampling, OptionalInt.empty())) {
            while (true) {
                switch (tokens.next()) {
                    case TokenStream.Chunk chunk -> chunks.accept(chunk.text());
                    case Generation generation -> {
                        return generation;
                    }
                }
            }
        }
    }

    /// Continues `prompt`, as a stream of chunks of text. Closing the stream cancels the generation.
    ///
    /// @see #generate(String, Sampling, Consumer)
    public Stream<String> stream(String prompt, Sampling sampling) {
        TokenStream tokens = start(tokens(prompt), sampling, OptionalInt.empty());
        return Stream.generate(tokens::next)
                .takeWhile(TokenStream.Chunk.class::isInstance)
                .map(chunk -> ((TokenStream.Chunk) chunk).text())
                .onClose(tokens::close);
    }

    /// Starts a generation that continues the prompt's text; returns at once. Its text begins with the space behind the prompt, where
    /// there is one.
    ///
    /// @param prompt ids below [#vocabulary()]
    /// @param alternatives how many of the likeliest tokens are reported with each token; empty for text without log probabilities
    /// @throws InvalidInputException when the prompt is empty or longer than the context, or the generation may need more memory
    ///     for keys and values than there is
    /// @throws QueueFullException when [Settings#queueLimit()] generations wait already
    public TokenStream start(int[] prompt, Sampling sampling, OptionalInt alternatives) {
        return start(
                prompt,
                sampling,
                new GenerationOptions(GenerationOptions.Text.CONTINUATION, alternatives));
    }

    /// Starts a generation that replies to a conversation; returns at once. Its text stands alone: the space that many tokenizers put
    /// into the token of its first word is left out.
    ///
    /// @see #start(int[], Sampling, OptionalInt)
    public TokenStream reply(int[] prompt, Sampling sampling, OptionalInt alternatives) {
        return start(
                prompt,
                sampling,
                new GenerationOptions(GenerationOptions.Text.REPLY, alternatives));
    }

    /// Starts a generation; returns at once.
    ///
    /// @param prompt ids below [#vocabulary()]
    /// @throws InvalidInputException when the prompt is empty or longer than the context, or the generation may need more memory
    ///     for keys and values than there is
    /// @throws QueueFullException when [Settings#queueLimit()] generations wait already
    public TokenStream start(int[] prompt, Sampling sampling, GenerationOptions options) {
        check(prompt, sampling, options);
        boolean continues = options.text() == GenerationOptions.Text.CONTINUATION;
        Detokenizer detokenizer =
                continues ? new Detokenizer(tokenizer, prompt) : new Detokenizer(tokenizer);
        int maxTokens = maxTokens(prompt, sampling);
        var queue = new EventQueue(unread, scheduler::wake);
        var writer =
                new TokenStreamWriter(
                        detokenizer,
                        new StopStrings(sampling.stop()),
                        endTokens,
                        options,
                        prompt.length,
                        queue);
        var request =
                new GenerationRequest(
                        prompt,
                        maxTokens,
                        new Sampler(sampling, vocabulary(), decoder.kernels()),
                        options.grammar().map(this::constraint),
                        writer);
        if (options.text() == GenerationOptions.Text.ECHO) {
            writer.begin(prompt);
        }
        if (maxTokens == 0 && !writer.scoresPrompt()) {
            writer.finished(Generation.FinishReason.LENGTH);
        } else if (!scheduler.submit(request)) {
            throw new QueueFullException(load());
        }
        return new TokenStream(queue, () -> scheduler.cancel(request));
    }

    /// Most generations that are decoded in one batch.
    public int mostRunning() {
        return scheduler.mostRunning();
    }

    /// For tests.
    Scheduler scheduler() {
        return scheduler;
    }

    private int maxTokens(int[] prompt, Sampling sampling) {
        return Math.min(decoder.architecture().positions() - prompt.length, sampling.maxTokens());
    }

    /// Checks what [#start(int[], Sampling, GenerationOptions)] checks, but for the queue.
    ///
    /// @throws InvalidInputException when it would throw that
    public void check(int[] prompt, Sampling sampling, GenerationOptions options) {
        checkPrompt(prompt);
        int maxTokens = maxTokens(prompt, sampling);
        checkMemory(prompt.length, maxTokens);
        int shortest = options.grammar().map(Grammar::shortest).orElse(0);
        if (maxTokens < shortest) {
            throw new InvalidInputException(
                    "an answer of this form has %,d bytes at least, and may have %,d tokens: it could be cut off; allow a token for each byte"
                            .formatted(shortest, maxTokens));
        }
    }

    private Constraint constraint(Grammar grammar) {
        return new Constraint(grammar, tokenTrie(), endTokens);
    }

    /// End tokens are left out: they end a text whatever they read.
    private synchronized TokenTrie tokenTrie() {
        if (tokenTrie.isEmpty()) {
            byte[][] bytes = Detokenizer.vocabulary(tokenizer, vocabulary());
            endTokens.stream()
                    .filter(id -> id < bytes.length)
                    .forEach(id -> bytes[id] = new byte[0]);
            tokenTrie = Optional.of(new TokenTrie(bytes));
        }
        return tokenTrie.get();
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

    private void checkMemory(int prompt, int maxTokens) {
        CachePool cache = decoder.cache();
        if (prompt + maxTokens > cache.mostPositions()) {
            throw new InvalidInputException(
                    "the prompt has %,d tokens, the answer up to %,d; their keys and values take %s, and may take %s (--cache-memory), room for %,d tokens"
                            .formatted(
                                    prompt,
                                    maxTokens,
                                    megabytes(
                                            CachePool.pages(prompt + maxTokens)
                                                    * cache.pageBytes()),
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
