package org.wanda4j.runtime;

import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
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
    public record Settings(int threads, int atOnce, int queueLimit) {

        /// All processors, sixteen texts together, and any number that wait.
        public static final Settings DEFAULT =
                new Settings(Runtime.getRuntime().availableProcessors(), 16, Integer.MAX_VALUE);
    }

    private LanguageModel(Checkpoint checkpoint, Tokenizer tokenizer, Settings settings) {
        this.checkpoint = checkpoint;
        this.tokenizer = tokenizer;
        this.endTokens = EndTokens.of(checkpoint.directory());
        this.decoder = new Decoder(checkpoint, KernelChoice.BEST, settings.threads());
        if (tokenizer.vocabularySize() > decoder.architecture().vocabulary()) {
            decoder.close();
            throw new InvalidInputException(
                    "%s: tokenizer.json has ids up to %d, the model's embedding only %d rows"
                            .formatted(
                                    checkpoint.directory(),
                                    tokenizer.vocabularySize() - 1,
                                    decoder.architecture().vocabulary()));
        }
        this.scheduler = new Scheduler(decoder, settings.atOnce(), settings.queueLimit());
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
        Checkpoint checkpoint = Checkpoint.open(directory);
        try {
            Tokenizer tokenizer = Tokenizer.open(directory);
            try {
                return new LanguageModel(checkpoint, tokenizer, settings);
            } catch (RuntimeException e) {
                tokenizer.close();
                throw e;
            }
        } catch (RuntimeException e) {
            checkpoint.close();
            throw e;
        }
    }

    /// What runs, for a banner.
    public static String kernels() {
        return KernelChoice.BEST.description();
    }

    /// Tokens that a text can have, its prompt included.
    public int context() {
        return decoder.architecture().positions();
    }

    /// Goes on with `prompt`.
    ///
    /// @param pieces told of the text as it comes, by a thread of the model: it waits meanwhile
    /// @throws IllegalArgumentException when the prompt is empty or longer than the context
    /// @throws QueueFullException when too many texts wait already
    public Generation generate(String prompt, Sampling sampling, Consumer<String> pieces) {
        return begin(tokenizer.encode(prompt), sampling, pieces).await();
    }

    /// Goes on with a prompt that writes its special tokens itself, as a chat template does.
    ///
    /// @see #generate(String, Sampling, Consumer)
    public Generation generateAsWritten(String prompt, Sampling sampling, Consumer<String> pieces) {
        return begin(tokenizer.encodeAsWritten(prompt), sampling, pieces).await();
    }

    /// Goes on with `prompt`: pieces of text as they come. Close the stream to end it early.
    ///
    /// @see #generate(String, Sampling, Consumer)
    public Stream<String> stream(String prompt, Sampling sampling) {
        BlockingQueue<String> pieces = new LinkedBlockingQueue<>();
        String end = "";
        Running running = begin(tokenizer.encode(prompt), sampling, pieces::add);
        Thread.ofVirtual()
                .start(() -> {
                    try {
                        running.await();
                    } finally {
                        pieces.add(end);
                    }
                });
        return Stream.generate(() -> take(pieces))
                .takeWhile(piece -> !piece.isEmpty())
                .onClose(running::cancel);
    }

    private static String take(BlockingQueue<String> pieces) {
        try {
            return pieces.take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }

    /// A text that is being written.
    record Running(Request request, Answer answer) {

        Generation await() {
            return answer.await();
        }

        void cancel() {
            request.cancel();
        }
    }

    Running begin(int[] prompt, Sampling sampling, Consumer<String> pieces) {
        int room = context() - prompt.length;
        if (prompt.length == 0 || room <= 0) {
            throw new IllegalArgumentException(
                    prompt.length == 0
                            ? "the prompt is empty"
                            : "the prompt has %,d tokens; the model's context has room for %,d and an answer"
                                    .formatted(prompt.length, context() - 1));
        }
        var answer =
                new Answer(
                        new Detokenizer(tokenizer),
                        new StopTexts(sampling.stop()),
                        endTokens,
                        prompt.length,
                        pieces);
        var request =
                new Request(
                        prompt,
                        Math.min(room, sampling.maxTokens()),
                        new Sampler(sampling),
                        answer);
        if (sampling.maxTokens() == 0) {
            answer.finished(Generation.Finish.LENGTH);
        } else if (!scheduler.submit(request)) {
            throw new QueueFullException();
        }
        return new Running(request, answer);
    }

    @Override
    public void close() {
        scheduler.close();
        tokenizer.close();
        checkpoint.close();
    }
}
