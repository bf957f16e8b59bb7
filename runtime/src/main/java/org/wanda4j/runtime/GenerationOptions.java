package org.wanda4j.runtime;

import java.util.Optional;
import java.util.OptionalInt;
import org.wanda4j.grammar.Grammar;

/// The form of a generation, and what it gives beside its text.
///
/// @param alternatives how many of the likeliest tokens are reported with each token; empty for text without log probabilities
/// @param grammar that the text belongs to, that of an echoed prompt aside; empty for any text
public record GenerationOptions(Text text, OptionalInt alternatives, Optional<Grammar> grammar) {

    /// For any text.
    public GenerationOptions(Text text, OptionalInt alternatives) {
        this(text, alternatives, Optional.empty());
    }

    /// What the text of a generation is.
    public enum Text {
        /// The prompt goes on: its first token may begin with the space behind the prompt.
        CONTINUATION,
        /// It stands alone: the space that many tokenizers put into the token of the first word is left out.
        REPLY,
        /// It begins with the prompt, whose tokens are scored too where log probabilities are asked for. An end token is reported with
        /// those, as a token without a text.
        ECHO
    }
}
