package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.List;

/// Where `set` and `for` put a value.
sealed interface Target {

    void assign(Scope scope, Object value);

    /// A variable.
    record Name(String name) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            scope.set(name, value);
        }
    }

    /// An attribute of a namespace.
    record Attribute(String name, String attribute) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            if (!(scope.get(name) instanceof Globals.Namespace(var values))) {
                throw new TemplateException(
                        "an attribute is set of '" + name + "', which is no namespace");
            }
            values.put(attribute, value);
        }
    }

    /// Several, which take the items of the value.
    record Several(List<Target> targets) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            List<Object> items = new ArrayList<>(Values.items(Values.charged(scope, value)));
            if (items.size() != targets.size()) {
                throw new TemplateException(
                        "%d values for %d names".formatted(items.size(), targets.size()));
            }
            for (int i = 0; i < items.size(); i++) {
                targets.get(i).assign(scope, items.get(i));
            }
        }
    }

    /// As it is written: names with commas between them, or a group of such in parentheses.
    static Target parse(TokenReader tokens) {
        Target first = parseOne(tokens);
        if (!tokens.isOperator(",")) {
            return first;
        }
        List<Target> targets = new ArrayList<>(List.of(first));
        while (tokens.takeOperator(",") && !tokens.isName("in") && !tokens.isOperator("=")) {
            targets.add(parseOne(tokens));
        }
        return new Several(targets);
    }

    /// A name, or a group in parentheses.
    static Target parseOne(TokenReader tokens) {
        if (tokens.takeOperator("(")) {
            Target inner = parse(tokens);
            tokens.takeOperator(",");
            tokens.expectOperator(")");
            return inner;
        }
        String name = tokens.expect(Token.Kind.NAME).text();
        return tokens.takeOperator(".")
                ? new Attribute(name, tokens.expect(Token.Kind.NAME).text())
                : new Name(name);
    }
}
