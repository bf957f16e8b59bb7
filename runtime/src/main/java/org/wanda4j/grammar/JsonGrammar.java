package org.wanda4j.grammar;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.wanda4j.grammar.Grammar.ByteEdge;
import org.wanda4j.grammar.Grammar.Node;
import org.wanda4j.grammar.Grammar.Rule;
import tools.jackson.databind.JsonNode;

/// Grammars of JSON texts, in UTF-8. White space is allowed where writers put it: a space, or a line end and an indentation, behind
/// `{`, `[`, `,` and `:`, and before `}` and `]`. It is bounded, as numbers are, so that a model cannot go on with it for ever.
public final class JsonGrammar {

    private static final int LONGEST_INDENTATION = 24;
    static final int MOST_INTEGER_DIGITS = 18; // fit a signed integer of 64 bits
    private static final int MOST_FRACTION_DIGITS = 17; // of a double
    private static final int MOST_EXPONENT_DIGITS = 2; // 1e99 is a double
    private static final String HEX = "0-9A-Fa-f";

    private final Grammar.Builder builder;
    private final Rule space;
    private final Rule character;
    private Optional<Rule> any = Optional.empty();

    JsonGrammar(Grammar.Builder builder) {
        this.builder = builder;
        this.space = space();
        this.character = character();
    }

    /// Any JSON object.
    public static Grammar anyObject() {
        Grammar.Builder builder = new Grammar.Builder();
        Rule start = builder.rule(false);
        new JsonGrammar(builder).anyObject(start.start()).end = true;
        return builder.grammar(start);
    }

    /// JSON texts that a schema describes. Objects have their properties in the schema's order, and no others unless
    /// `additionalProperties` says so and there are no `properties`.
    ///
    /// @throws org.wanda4j.checkpoint.InvalidInputException when the schema is invalid or has a keyword that is not supported, with its
    ///     place
    public static Grammar ofSchema(JsonNode schema) {
        Grammar.Builder builder = new Grammar.Builder();
        Rule start = builder.rule(false);
        new SchemaReader(builder, schema).value(start.start(), schema, "").end = true;
        return builder.grammar(start);
    }

    Node text(Node from, String literal) {
        return builder.literal(from, literal.getBytes(StandardCharsets.UTF_8));
    }

    Node space(Node from) {
        return builder.call(from, space);
    }

    private Rule space() {
        Rule rule = builder.rule(false);
        rule.start().end = true;
        text(rule.start(), " ").end = true;
        Node at = text(rule.start(), "\n");
        at.end = true;
        for (int i = 0; i < LONGEST_INDENTATION; i++) {
            at = oneOf(at, " \t");
            at.end = true;
        }
        return rule;
    }

    /// Reads one of some characters of ASCII, which may be ranges: `a-z`.
    private Node oneOf(Node from, String characters) {
        Node to = builder.node();
        for (int i = 0; i < characters.length(); i++) {
            char low = characters.charAt(i);
            boolean range = i + 2 < characters.length() && characters.charAt(i + 1) == '-';
            char high = range ? characters.charAt(i + 2) : low;
            from.bytes.add(new ByteEdge(low, high, to));
            i += range ? 2 : 0;
        }
        return to;
    }

    /// A character of a string: as itself or escaped. Half of a surrogate pair cannot be escaped.
    private Rule character() {
        Rule rule = builder.rule(false);
        Node from = rule.start();
        Node to = builder.node();
        to.end = true;
        from.bytes.add(new ByteEdge(' ', '!', to));
        from.bytes.add(new ByteEdge('#', '[', to));
        from.bytes.add(new ByteEdge(']', 0x7f, to));
        Node escape = text(from, "\\");
        oneOf(escape, "\"\\/bfnrt").empty.add(to);
        Node code = text(escape, "u");
        Node half = oneOf(oneOf(code, "0-9A-CE-Fa-ce-f"), HEX);
        oneOf(oneOf(code, "Dd"), "0-7").empty.add(half);
        oneOf(oneOf(half, HEX), HEX).empty.add(to);
        Characters.of(0x80, Characters.LAST).read(builder, from, to);
        return rule;
    }

    /// A string of `least` to `most` characters; without a bound where `most` is empty.
    Node string(Node from, int least, Optional<Integer> most) {
        Node at = text(from, "\"");
        for (int i = 0; i < least; i++) {
            at = builder.call(at, character);
        }
        Node end = builder.node();
        at.empty.add(end);
        if (most.isEmpty()) {
            builder.call(at, character).empty.add(at);
        }
        for (int i = least; i < most.orElse(least); i++) {
            at = builder.call(at, character);
            at.empty.add(end);
        }
        return text(end, "\"");
    }

    Node integer(Node from) {
        Node sign = builder.node();
        from.empty.add(sign);
        text(from, "-").empty.add(sign);
        Node end = builder.node();
        text(sign, "0").empty.add(end);
        digits(oneOf(sign, "1-9"), MOST_INTEGER_DIGITS - 1, end);
        return end;
    }

    /// At most `most` digits more.
    private void digits(Node from, int most, Node end) {
        Node at = from;
        at.empty.add(end);
        for (int i = 0; i < most; i++) {
            at = oneOf(at, "0-9");
            at.empty.add(end);
        }
    }

    Node number(Node from) {
        Node whole = integer(from);
        Node fraction = builder.node();
        whole.empty.add(fraction);
        digits(oneOf(text(whole, "."), "0-9"), MOST_FRACTION_DIGITS - 1, fraction);
        Node end = builder.node();
        fraction.empty.add(end);
        Node exponent = oneOf(fraction, "Ee");
        Node sign = oneOf(exponent, "+-");
        exponent.empty.add(sign);
        digits(oneOf(sign, "0-9"), MOST_EXPONENT_DIGITS - 1, end);
        return end;
    }

    Node bool(Node from) {
        Node end = builder.node();
        text(from, "true").empty.add(end);
        text(from, "false").empty.add(end);
        return end;
    }

    /// An array.
    ///
    /// @param least items
    /// @param most items; without a bound where it is empty
    Node array(Node from, Rule item, int least, Optional<Integer> most) {
        Node at = space(text(from, "["));
        Node close = builder.node();
        if (least == 0) {
            at.empty.add(close);
        }
        if (most.orElse(1) > 0) {
            at = builder.call(at, item);
            for (int i = 1; i < least; i++) {
                at = builder.call(space(text(at, ",")), item);
            }
            int written = Math.max(1, least);
            space(at, close);
            if (most.isEmpty()) {
                builder.call(space(text(at, ",")), item).empty.add(at);
            }
            for (int i = written; i < most.orElse(written); i++) {
                at = builder.call(space(text(at, ",")), item);
                space(at, close);
            }
        }
        return text(close, "]");
    }

    private void space(Node from, Node to) {
        space(from).empty.add(to);
    }

    /// An object with any names.
    Node map(Node from, Rule value) {
        Node at = space(text(from, "{"));
        Node close = builder.node();
        at.empty.add(close);
        Node written = pair(at, value);
        pair(space(text(written, ",")), value).empty.add(written);
        space(written, close);
        return text(close, "}");
    }

    private Node pair(Node from, Rule value) {
        return builder.call(space(text(string(from, 0, Optional.empty()), ":")), value);
    }

    Node anyObject(Node from) {
        return map(from, any());
    }

    /// Any value.
    Rule any() {
        if (any.isEmpty()) {
            Rule value = builder.rule(false);
            any = Optional.of(value);
            Node end = builder.node();
            end.end = true;
            string(value.start(), 0, Optional.empty()).empty.add(end);
            number(value.start()).empty.add(end);
            bool(value.start()).empty.add(end);
            text(value.start(), "null").empty.add(end);
            Rule object = builder.rule(true);
            anyObject(object.start()).end = true;
            builder.call(value.start(), object).empty.add(end);
            Rule array = builder.rule(true);
            array(array.start(), value, 0, Optional.empty()).end = true;
            builder.call(value.start(), array).empty.add(end);
        }
        return any.get();
    }
}
