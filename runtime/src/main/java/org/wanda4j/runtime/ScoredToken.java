package org.wanda4j.runtime;

import java.util.List;

/// A token, and how likely the model found it there.
///
/// @param text what it reads alone; half a character gives U+FFFD
/// @param logProbability natural logarithm of its probability, before any sampling option
/// @param alternatives the likeliest tokens there, likeliest first; each without alternatives of its own
public record ScoredToken(
        int id, String text, double logProbability, List<ScoredToken> alternatives) {}
