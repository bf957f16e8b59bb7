package org.wanda4j.serve;

import java.util.List;
import org.wanda4j.runtime.GenerationOptions;
import org.wanda4j.runtime.Sampling;

/// A checked request: of `/v1/completions`, or of a conversation.
///
/// @param writer writes the response's JSON
/// @param choices those of the first prompt, then those of the next
/// @param stream whether the response is server-sent events, a chunk as soon as there is one
/// @param includeUsage whether a stream ends with the number of tokens
record CompletionRequest(
        ResponseWriter writer,
        List<Choice> choices,
        GenerationOptions options,
        boolean stream,
        boolean includeUsage) {

    /// One of the texts that are asked for.
    ///
    /// @param prompt ids of its tokens, at least one
    record Choice(int[] prompt, Sampling sampling) {}

    boolean logprobs() {
        return options.alternatives().isPresent();
    }
}
