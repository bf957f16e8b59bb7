package org.wanda4j.runtime;

import java.util.List;

/// A token, and how likely the model found it there.
///
/// @param text what it adds to the answer: of the tokens that make a character together, the last one adds it, and special tokens
///     add nothing. An alternative reads as it would there, and a special one as it is written.
/// @param bytes its own, in UTF-8 where it is no part of a character
/// @param logProbability natural logarithm of its probability, before any sampling option
/// @param alternatives the likeliest tokens there, likeliest first; each without alternatives of its own
public record ScoredToken(
        int id, String text, byte[] bytes, double logProbability, List<ScoredToken> alternatives) {

    /// The same with more text.
    ScoredToken with(String more) {
        return new ScoredToken(id, text + more, bytes, logProbability, alternatives);
    }
}
