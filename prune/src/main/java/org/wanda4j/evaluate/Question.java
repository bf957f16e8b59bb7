package org.wanda4j.evaluate;

import java.util.List;

/// A multiple-choice question as a language model reads it.
///
/// @param choices what may stand there
/// @param answer index of the right one
public record Question(List<Choice> choices, int answer) {

    /// @param context what is given
    /// @param continuation what is scored, its leading space included
    /// @param length of the answer in characters, for the length-normalised accuracy
    public record Choice(String context, String continuation, int length) {}

    /// One context, several answers, each behind a space.
    static Question of(String context, List<String> answers, int answer) {
        return new Question(
                answers.stream()
                        .map(text -> new Choice(context, " " + text, text.length()))
                        .toList(),
                answer);
    }
}
