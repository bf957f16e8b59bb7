package org.wanda4j.serve;

import java.util.OptionalInt;
import org.wanda4j.runtime.Sampling;

/// A checked request for a completion: of `/v1/completions`, or of a conversation.
///
/// @param writer writes the response's JSON
/// @param prompt ids of its tokens, at least one
/// @param alternatives how many of the likeliest tokens are reported with each token; empty where no log probabilities are
/// @param stream whether the response is server-sent events, a chunk as soon as there is one
/// @param includeUsage whether a stream ends with the number of tokens
record CompletionRequest(
        ResponseWriter writer,
        int[] prompt,
        Sampling sampling,
        OptionalInt alternatives,
        boolean stream,
        boolean includeUsage) {}
