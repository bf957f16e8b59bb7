package org.wanda4j.text.jinja;

import java.util.List;
import org.wanda4j.text.jinja.Token.Kind;

/// A place in a list of tokens.
final class TokenReader {

    private final List<Token> tokens;
    private int at;

    TokenReader(List<Token> tokens) {
        this.tokens = tokens;
    }

    /// Where it stands, for [#hasNameSince].
    int at() {
        return at;
    }

    /// Whether `name` stood between `begin` and here.
    boolean hasNameSince(int begin, String name) {
        return tokens.subList(begin, at).stream().anyMatch(token -> token.is(Kind.NAME, name));
    }

    Token peek() {
        return tokens.get(at);
    }

    Token peekSecond() {
        return tokens.get(Math.min(at + 1, tokens.size() - 1));
    }

    Token next() {
        Token token = tokens.get(at);
        at = Math.min(at + 1, tokens.size() - 1);
        return token;
    }

    boolean isOperator(String text) {
        return peek().is(Kind.OPERATOR, text);
    }

    boolean isName(String text) {
        return peek().is(Kind.NAME, text);
    }

    /// Takes the operator if it is next.
    boolean takeOperator(String text) {
        boolean taken = isOperator(text);
        at += taken ? 1 : 0;
        return taken;
    }

    /// Takes the name if it is next.
    boolean takeName(String text) {
        boolean taken = isName(text);
        at += taken ? 1 : 0;
        return taken;
    }

    void expectOperator(String text) {
        if (!takeOperator(text)) {
            throw error("expected '" + text + "'");
        }
    }

    Token expect(Kind kind) {
        if (peek().kind() != kind) {
            throw error(
                    "expected " + kind.name().toLowerCase(java.util.Locale.ROOT).replace('_', ' '));
        }
        return next();
    }

    TemplateException error(String what) {
        return new TemplateException(
                "line " + peek().line() + ": " + what + ", found '" + peek().text() + "'");
    }
}
