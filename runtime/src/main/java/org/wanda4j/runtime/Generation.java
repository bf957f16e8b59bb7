package org.wanda4j.runtime;

/// Result of a generation: the last event of a [TokenStream].
///
/// @param text all generated text, behind that of the prompt where it is echoed
/// @param promptTokens number of tokens of the prompt
/// @param tokens number of generated tokens, the end token included
/// @param finish why it ended
/// @param secondsToFirst from the request to the first token
/// @param seconds from the request to the last token
public record Generation(
        String text,
        int promptTokens,
        int tokens,
        FinishReason finish,
        double secondsToFirst,
        double seconds)
        implements TokenStream.Event {

    /// Why a generation ends.
    public enum FinishReason {
        /// The model generated an end token, or a stop string occurred.
        STOP,
        /// It has [Sampling#maxTokens()] tokens, or fills the model's context; or it was shortened to end as its grammar says before that.
        LENGTH,
        /// It was cancelled, or its model closed.
        CANCELLED
    }

    /// Tokens per second after the first token; 0 where there are fewer than two.
    public double decodeTokensPerSecond() {
        return tokens < 2 ? 0 : (tokens - 1) / (seconds - secondsToFirst);
    }
}
