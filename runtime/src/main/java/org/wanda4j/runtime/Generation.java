package org.wanda4j.runtime;

/// What came of a prompt: the last event of an [Answer].
///
/// @param text the answer
/// @param promptTokens length of the prompt
/// @param tokens length of the answer, the token that ended it included
/// @param finish why it ended
/// @param secondsToFirst from the request to the first token
/// @param seconds from the request to the last token
public record Generation(
        String text,
        int promptTokens,
        int tokens,
        Finish finish,
        double secondsToFirst,
        double seconds)
        implements Answer.Event {

    /// Why an answer ends.
    public enum Finish {
        /// The model ended it, or a stop text occurred.
        STOP,
        /// It is as long as was asked for, or as the model's context.
        LENGTH,
        /// Nobody listens any more.
        CANCELLED
    }

    /// Tokens of the answer after the first, for each second that they took.
    public double decodeTokensPerSecond() {
        return tokens < 2 ? 0 : (tokens - 1) / (seconds - secondsToFirst);
    }
}
