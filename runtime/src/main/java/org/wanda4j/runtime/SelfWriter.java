package org.wanda4j.runtime;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.internal.decode.DecodeBatch;
import org.wanda4j.runtime.internal.decode.Decoder;
import org.wanda4j.runtime.internal.decode.Sequence;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.EndTokens;
import org.wanda4j.text.Tokenizer;

/// Lets a model write the text that it is calibrated with: documents that begin with the first two tokens of real ones and go on
/// by sampling from all probabilities, at temperature 1 (Williams, Chrysostomou and Aletras, "Self-calibration for language model
/// quantization and pruning", arXiv 2410.17170).
///
/// The same documents are always decoded together, so that the same arguments give the same text on one machine, whatever the number of
/// threads.
public final class SelfWriter {

    /// Documents that are decoded together.
    private static final int STREAMS = 16;

    private static final int MEASURED_STEPS = 16;
    private static final int BEGINNING = 2;
    private static final int LONGEST = 512;

    private final Tokenizer tokenizer;
    private final Decoder decoder;
    private final Set<Integer> ends;
    private final int vocabulary;
    private final long seed;
    private final Iterator<int[]> beginnings;
    private long started;

    /// A document that is being written.
    private final class Draft {

        private final Sequence sequence = decoder.newSequence();
        private final Sampler sampler;
        private final List<Integer> ids = new ArrayList<>();
        private int[] next = beginnings.next();
        private boolean ended;

        Draft() {
            var sampling =
                    new Sampling(
                            LONGEST, 1, 0, 1, 0, 1, OptionalLong.of(seed + started++), List.of());
            sampler = new Sampler(sampling, vocabulary, decoder.kernels());
            Arrays.stream(next).forEach(ids::add);
        }

        DecodeBatch.Step step() {
            return new DecodeBatch.Step(sequence, next, true);
        }

        /// Adds a token, or ends.
        void add(float[] logits, int from) {
            int id = sampler.choose(logits, from, decoder.architecture().vocabulary());
            ended = ends.contains(id);
            if (!ended) {
                ids.add(id);
                next = new int[] {id};
                ended = ids.size() == Math.min(LONGEST, decoder.architecture().positions());
            }
        }

        /// The text, when no more is written.
        String finish() {
            sequence.close();
            return tokenizer.decodeText(ids.stream().mapToInt(Integer::intValue).toArray());
        }
    }

    private SelfWriter(
            Tokenizer tokenizer, Decoder decoder, Set<Integer> ends, Corpus beginnings, long seed) {
        this.tokenizer = tokenizer;
        this.decoder = decoder;
        this.ends = ends;
        this.vocabulary = Math.min(tokenizer.vocabularySize(), decoder.architecture().vocabulary());
        this.seed = seed;
        this.beginnings = beginnings(beginnings);
    }

    /// Writes text.
    ///
    /// @param model its directory
    /// @param beginnings real documents; they are used in turn
    /// @param tokens how many are written, or a few more
    /// @param written receives how many were written since it was called last
    /// @return the corpus `self`
    /// @throws InvalidInputException when it is no model that can be run, or no document has a token
    public static Corpus write(
            Path model,
            Corpus beginnings,
            long tokens,
            long seed,
            int threads,
            LongConsumer written) {
        try (var checkpoint = Checkpoint.open(model);
                var tokenizer = Tokenizer.open(checkpoint.directory());
                var decoder = new Decoder(checkpoint, KernelChoice.best(), threads)) {
            Set<Integer> ends = EndTokens.of(checkpoint.directory(), tokenizer.end());
            var writer = new SelfWriter(tokenizer, decoder, ends, beginnings, seed);
            return Corpus.of("self", writer.write(tokens, written));
        }
    }

    /// Tokens a second at which a model writes here, as [#write] does: it writes for some steps, of which the first, which have code
    /// compiled, do not count.
    ///
    /// @param model its directory
    /// @param beginnings real documents
    /// @throws InvalidInputException when it is no model that can be run, or no document has a token
    public static double rate(Path model, Corpus beginnings, int threads) {
        List<Long> times = new ArrayList<>();
        write(
                model,
                beginnings,
                MEASURED_STEPS * STREAMS,
                0,
                threads,
                _ -> times.add(System.nanoTime()));
        int half = MEASURED_STEPS / 2;
        return half * STREAMS * 1e9 / (times.getLast() - times.get(times.size() - 1 - half));
    }

    private Iterator<int[]> beginnings(Corpus corpus) {
        List<int[]> all =
                corpus.documents().stream()
                        .map(tokenizer::encode)
                        .filter(ids -> ids.length >= BEGINNING)
                        .map(ids -> Arrays.copyOf(ids, BEGINNING))
                        .filter(ids -> Arrays.stream(ids).allMatch(id -> id < vocabulary))
                        .toList();
        if (all.isEmpty()) {
            throw new InvalidInputException(
                    corpus.name() + ": no document that could begin a text");
        }
        return IntStream.iterate(0, i -> (i + 1) % all.size()).mapToObj(all::get).iterator();
    }

    private List<String> write(long tokens, LongConsumer written) {
        List<String> documents = new ArrayList<>();
        List<Draft> drafts = new ArrayList<>();
        for (long done = 0; done < tokens; done += STREAMS) {
            drafts.stream().filter(draft -> draft.ended).map(Draft::finish).forEach(documents::add);
            drafts.removeIf(draft -> draft.ended);
            while (drafts.size() < STREAMS) {
                drafts.add(new Draft());
            }
            float[] logits = decoder.forward(drafts.stream().map(Draft::step).toList());
            decoder.parallelFor(STREAMS, i -> drafts.get(i).add(logits, i * decoder.logitsWidth()));
            written.accept(STREAMS);
        }
        drafts.stream().map(Draft::finish).forEach(documents::add);
        return documents;
    }
}
