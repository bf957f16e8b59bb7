package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.text.jinja.Token.Kind;

/// Parser of operands: literals, names, attributes, items, calls, filters and tests.
///
/// An unknown filter or test, or wrong arguments of one, is an error when it is evaluated: a template may have one in a branch that is
/// never taken.
final class OperandParser {

    private static final Set<String> NO_ARGUMENT = Set.of("and", "or", "else");

    private final TokenReader tokens;
    private final ExpressionParser expressions;

    OperandParser(TokenReader tokens, ExpressionParser expressions) {
        this.tokens = tokens;
        this.expressions = expressions;
    }

    /// `x | filter(a)` and `x is test`
    Expression filtered(Expression operand) {
        Expression value = operand;
        while (true) {
            if (tokens.takeOperator("|")) {
                value = filter(value);
            } else if (tokens.takeName("is")) {
                value = test(value);
            } else if (tokens.isOperator("(")) {
                value = new Call(value, arguments());
            } else {
                return value;
            }
        }
    }

    /// The filter behind `value`; its bar has been taken.
    Expression filter(Expression value) {
        String name = dottedName();
        Call.Given given = tokens.isOperator("(") ? arguments() : Call.Given.NOTHING;
        return scope -> {
            Object operand = value.value(scope);
            return Filters.apply(scope, name, operand, given.arguments(scope));
        };
    }

    private Expression test(Expression value) {
        boolean negated = tokens.takeName("not");
        String name = dottedName();
        Call.Given given =
                tokens.isOperator("(")
                        ? arguments()
                        : argumentFollows()
                                ? Call.Given.of(List.of(postfix(primary())))
                                : Call.Given.NOTHING;
        return scope -> {
            Object operand = value.value(scope);
            return Tests.holds(scope, name, operand, given.arguments(scope)) != negated;
        };
    }

    private String dottedName() {
        var name = new StringBuilder(tokens.expect(Kind.NAME).text());
        while (tokens.takeOperator(".")) {
            name.append('.').append(tokens.expect(Kind.NAME).text());
        }
        return name.toString();
    }

    private boolean argumentFollows() {
        Token token = tokens.peek();
        return switch (token.kind()) {
            case NAME -> {
                if (token.text().equals("is")) {
                    throw tokens.error("a test of a test");
                }
                yield !NO_ARGUMENT.contains(token.text());
            }
            case STRING, INTEGER, FLOAT -> true;
            case OPERATOR -> token.text().equals("[") || token.text().equals("{");
            default -> false;
        };
    }

    /// What follows a value directly: `.name`, `[item]`, `(arguments)`.
    Expression postfix(Expression operand) {
        Expression value = operand;
        while (true) {
            if (tokens.takeOperator(".")) {
                value = member(value);
            } else if (tokens.takeOperator("[")) {
                value = subscript(value);
            } else if (tokens.isOperator("(")) {
                value = new Call(value, arguments());
            } else {
                return value;
            }
        }
    }

    private Expression member(Expression of) {
        Token name = tokens.next();
        return switch (name.kind()) {
            case NAME -> scope -> Lookup.attribute(of.value(scope), name.text());
            case INTEGER -> {
                Expression place = number(name);
                yield scope -> Lookup.item(scope, of.value(scope), place.value(scope));
            }
            default -> throw unexpected(name);
        };
    }

    private Expression subscript(Expression of) {
        Expression[] slice = new Expression[3];
        int part = 0;
        boolean isTuple = false;
        while (!tokens.takeOperator("]")) {
            if (tokens.takeOperator(":")) {
                part++;
            } else if (part < 3 && slice[part] == null) {
                slice[part] = expressions.parse();
            } else if (part == 0 && tokens.takeOperator(",")) {
                isTuple = true;
                slice[0] = null;
            } else {
                throw tokens.error("expected ']'");
            }
        }
        if (part > 2 || (part == 0 && slice[0] == null)) {
            throw tokens.error("expected an item before ']'");
        }
        if (isTuple) {
            return _ -> {
                throw new TemplateException("items by more than one key are not supported");
            };
        }
        if (part == 0) {
            return scope -> Lookup.item(scope, of.value(scope), slice[0].value(scope));
        }
        return scope ->
                Values.charged(
                        scope,
                        Lookup.slice(
                                Values.charged(scope, of.value(scope)),
                                bound(slice[0], scope),
                                bound(slice[1], scope),
                                bound(slice[2], scope)));
    }

    private static Object bound(Expression bound, Scope scope) {
        return bound == null ? null : bound.value(scope);
    }

    private Call.Given arguments() {
        tokens.expectOperator("(");
        List<Expression> positional = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        Optional<Expression> more = Optional.empty();
        Optional<Expression> moreNamed = Optional.empty();
        while (!tokens.takeOperator(")")) {
            if (tokens.takeOperator("*")) {
                more = Optional.of(expressions.parse());
            } else if (tokens.takeOperator("**")) {
                moreNamed = Optional.of(expressions.parse());
            } else if (tokens.peek().kind() == Kind.NAME
                    && tokens.peekSecond().is(Kind.OPERATOR, "=")) {
                String name = tokens.next().text();
                tokens.next();
                if (named.put(name, expressions.parse()) != null) {
                    throw tokens.error("an argument is given twice: '" + name + "'");
                }
            } else if (named.isEmpty()) {
                positional.add(expressions.parse());
            } else {
                throw tokens.error("expected a named argument");
            }
            if (!tokens.isOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        return new Call.Given(positional, named, more, moreNamed);
    }

    /// A name, a literal, or an expression in parentheses.
    Expression primary() {
        Token token = tokens.next();
        return switch (token.kind()) {
            case NAME -> name(token.text());
            case STRING -> {
                var text = new StringBuilder(token.text());
                while (tokens.peek().kind() == Kind.STRING) {
                    text.append(tokens.next().text());
                }
                yield constant(text.toString());
            }
            case INTEGER -> number(token);
            case FLOAT -> constant(Double.valueOf(token.text().replace("_", "")));
            case OPERATOR ->
                    switch (token.text()) {
                        case "(" -> inParentheses();
                        case "[" -> list(items("]"));
                        case "{" -> map();
                        default -> throw unexpected(token);
                    };
            default -> throw unexpected(token);
        };
    }

    private static TemplateException unexpected(Token token) {
        return new TemplateException(
                "line " + token.line() + ": expected a value, found '" + token.text() + "'");
    }

    private static Expression number(Token token) {
        return _ -> Numbers.parseWhole(token.text(), 0).orElseThrow(() -> unexpected(token));
    }

    private static Expression constant(Object value) {
        return _ -> value;
    }

    private static Expression name(String name) {
        return switch (name) {
            case "true", "True" -> constant(true);
            case "false", "False" -> constant(false);
            case "none", "None" -> constant(null);
            default ->
                    scope -> {
                        scope.work().charge(1);
                        return scope.get(name);
                    };
        };
    }

    private Expression inParentheses() {
        if (tokens.takeOperator(")")) {
            return tuple(List.of());
        }
        Expression value = expressions.parseTuple();
        tokens.expectOperator(")");
        return value;
    }

    private List<Expression> items(String end) {
        List<Expression> items = new ArrayList<>();
        while (!tokens.takeOperator(end)) {
            items.add(expressions.parse());
            if (!tokens.isOperator(end)) {
                tokens.expectOperator(",");
            }
        }
        return items;
    }

    private static Expression list(List<Expression> items) {
        return scope -> Values.charged(scope, values(scope, items));
    }

    static Expression tuple(List<Expression> items) {
        return scope -> Values.charged(scope, Tuple.of(values(scope, items)));
    }

    private static List<Object> values(Scope scope, List<Expression> items) {
        List<Object> values = new ArrayList<>();
        items.forEach(item -> values.add(item.value(scope)));
        return values;
    }

    private Expression map() {
        Map<Expression, Expression> entries = new LinkedHashMap<>();
        while (!tokens.takeOperator("}")) {
            Expression key = expressions.parse();
            tokens.expectOperator(":");
            entries.put(key, expressions.parse());
            if (!tokens.isOperator("}")) {
                tokens.expectOperator(",");
            }
        }
        return scope -> {
            Map<Object, Object> values = new LinkedHashMap<>();
            entries.forEach((key, value) ->
                    values.put(Values.keptKey(key.value(scope)), value.value(scope)));
            return Values.charged(scope, values);
        };
    }
}
