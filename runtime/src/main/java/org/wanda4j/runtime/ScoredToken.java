package org.wanda4j.runtime;

import java.util.List;

/// A token and its log probability.
///
/// @param text that it adds: of the tokens of one character, the last one adds it, and special tokens add nothing. Of an alternative, the
///     text that it would add; of a special one, its name.
/// @param bytes of the token itself; valid UTF-8 unless it is a part of a character
/// @param logProbability natural logarithm of its probability before temperature and other sampling options; NaN for the first token of
///     an echoed prompt, which nothing comes before
/// @param alternatives the likeliest tokens at this position, likeliest first; without alternatives of their own
public record ScoredToken(
        int id, String text, byte[] bytes, double logProbability, List<ScoredToken> alternatives) {

    /// The same with `more` appended to its text.
    ScoredToken with(String more) {
        return new ScoredToken(id, text + more, bytes, logProbability, alternatives);
    }
}
