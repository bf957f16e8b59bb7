package org.wanda4j.text;

import org.wanda4j.checkpoint.InvalidInputException;

/// How calibration windows are chosen from a corpus. The same arguments give the same windows, on
/// every machine.
public enum CalibrationSampler {

    /// A random piece of a random document, as the published code picks: window for window the same
    /// for the same seed. Documents that are not longer than a window are not used.
    REFERENCE {
        @Override
        Windows pick(Corpus corpus, Tokenizer tokenizer, int windows, int seqlen, long seed) {
            return new ReferenceSampler(corpus, tokenizer::encode, seqlen, seed).sample(windows);
        }
    },

    /// Whole documents in random order, end to end: no token is lost between them, and none is too
    /// short.
    PACKED {
        @Override
        Windows pick(Corpus corpus, Tokenizer tokenizer, int windows, int seqlen, long seed) {
            return new PackedSampler(corpus, tokenizer::encode, seqlen, seed).sample(windows);
        }
    };

    /// Chooses the windows. Documents are tokenised only as far as they are needed.
    ///
    /// @param windows how many, at least 1
    /// @param seqlen tokens of a window, at least 1
    /// @throws InvalidInputException when the corpus has too little text
    public Windows sample(Corpus corpus, Tokenizer tokenizer, int windows, int seqlen, long seed) {
        Windows.requirePositive("--windows", windows);
        Windows.requirePositive("--seqlen", seqlen);
        return pick(corpus, tokenizer, windows, seqlen, seed);
    }

    abstract Windows pick(Corpus corpus, Tokenizer tokenizer, int windows, int seqlen, long seed);
}
