package org.wanda4j.grammar;

import java.util.Optional;
import java.util.Set;

/// One generation's place in a [Grammar]: which tokens may come next.
///
/// A text that has begun can always be ended, by a token for each byte at worst. So a generation that may have few more tokens takes those
/// alone that leave enough for the end.
///
/// For one thread at a time.
public final class Constraint {

    private final Automaton automaton;
    private final Set<Integer> endTokens;
    private Automaton.State state;

    /// Before the first token.
    ///
    /// @param endTokens may come where the text may end
    public Constraint(Grammar grammar, TokenTrie tokens, Set<Integer> endTokens) {
        this.automaton = grammar.on(tokens);
        this.endTokens = endTokens;
        this.state = automaton.start();
    }

    /// Sets the logits of tokens that cannot come next to negative infinity.
    ///
    /// @param from index of the logit of id 0
    /// @param count of logits
    /// @param remaining tokens that may come behind the next one, most
    /// @throws IllegalStateException when there is no token that can
    public void mask(float[] logits, int from, int count, int remaining) {
        TokenMask all = automaton.mask(state);
        TokenMask mask = all.furthest() <= remaining ? all : automaton.mask(state, remaining);
        boolean any = false;
        for (int id = 0; id < count; id++) {
            if (mask.has(id) || (state.accepts() && endTokens.contains(id))) {
                any = true;
            } else {
                logits[from + id] = Float.NEGATIVE_INFINITY;
            }
        }
        if (!any) {
            throw new IllegalStateException("no token of the model continues the answer's form");
        }
    }

    /// Whether all tokens that can come next leave enough for the end.
    ///
    /// @param remaining tokens that may come behind the next one, most
    public boolean hasRoom(int remaining) {
        return automaton.mask(state).furthest() <= remaining;
    }

    /// Whether a token that can come next leaves enough for the end.
    ///
    /// @param remaining tokens that may come behind it, most
    public boolean fits(int id, int remaining) {
        return endTokens.contains(id)
                || behind(id).filter(next -> next.distance <= remaining).isPresent();
    }

    /// Takes the next token.
    public void accept(int id) {
        if (!endTokens.contains(id)) {
            state =
                    behind(id)
                            .orElseThrow(
                                    () -> new IllegalArgumentException(id + " cannot come next"));
        }
    }

    private Optional<Automaton.State> behind(int id) {
        return automaton.behind(state, automaton.tokens().bytes(id));
    }

    /// Whether the text may end here.
    public boolean mayEnd() {
        return state.accepts();
    }

    /// Whether the text must end here: nothing can follow.
    public boolean hasEnded() {
        return state.accepts() && !state.goesOn;
    }
}
