package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.wanda4j.text.jinja.Statement.Flow;
import org.wanda4j.text.jinja.Token.Kind;

/// Makes statements of tokens.
final class Parser {

    private final TokenReader tokens;
    private final ExpressionParser expressions;

    Parser(List<Token> tokens) {
        this.tokens = new TokenReader(tokens);
        this.expressions = new ExpressionParser(this.tokens);
    }

    /// The whole template.
    Statement parse() {
        Statement body = body(Set.of());
        if (tokens.peek().kind() != Kind.END) {
            throw tokens.error("expected the end");
        }
        return body;
    }

    /// Statements up to a block that is named in `ends`; its name is next.
    private Statement body(Set<String> ends) {
        List<Statement> statements = new ArrayList<>();
        while (true) {
            Token token = tokens.peek();
            switch (token.kind()) {
                case DATA -> {
                    tokens.next();
                    statements.add(write(_ -> token.text()));
                }
                case OUTPUT_BEGIN -> {
                    tokens.next();
                    Expression value = expressions.parseTuple();
                    tokens.expect(Kind.OUTPUT_END);
                    statements.add(write(value));
                }
                case BLOCK_BEGIN -> {
                    if (ends.contains(tokens.peekSecond().text())) {
                        tokens.next();
                        return Statement.all(statements);
                    }
                    tokens.next();
                    statements.add(block(tokens.expect(Kind.NAME)));
                }
                default -> {
                    if (!ends.isEmpty()) {
                        throw tokens.error("expected one of " + ends);
                    }
                    return Statement.all(statements);
                }
            }
        }
    }

    private static Statement write(Expression value) {
        return (scope, output) -> {
            output.append(Values.text(scope, value.value(scope)));
            return Flow.NEXT;
        };
    }

    private Statement block(Token name) {
        return switch (name.text()) {
            case "if" -> conditional();
            case "for" -> loop();
            case "set" -> assignment();
            case "macro" -> macro();
            case "generation" -> {
                endBlock();
                yield bodyUpTo("endgeneration");
            }
            case "break" -> leave(Flow.BREAK);
            case "continue" -> leave(Flow.CONTINUE);
            default ->
                    throw new TemplateException(
                            "line "
                                    + name.line()
                                    + ": {% "
                                    + name.text()
                                    + " %} is not supported in chat templates");
        };
    }

    private void endBlock() {
        tokens.expect(Kind.BLOCK_END);
    }

    private Statement bodyUpTo(String end) {
        Statement body = body(Set.of(end));
        tokens.next();
        endBlock();
        return body;
    }

    private Statement leave(Flow flow) {
        endBlock();
        return (_, _) -> flow;
    }

    private Statement conditional() {
        Expression condition = expressions.parseTuple();
        endBlock();
        Statement yes = body(Set.of("elif", "else", "endif"));
        Statement no =
                switch (tokens.next().text()) {
                    case "elif" -> conditional();
                    case "else" -> {
                        endBlock();
                        yield bodyUpTo("endif");
                    }
                    default -> {
                        endBlock();
                        yield Statement.all(List.of());
                    }
                };
        return (scope, output) ->
                (Values.isTrue(condition.value(scope)) ? yes : no).run(scope, output);
    }

    private List<String> names() {
        List<String> names = new ArrayList<>();
        boolean parentheses = tokens.takeOperator("(");
        do {
            names.add(tokens.expect(Kind.NAME).text());
        } while (tokens.takeOperator(","));
        if (parentheses) {
            tokens.expectOperator(")");
        }
        return names;
    }

    private Statement loop() {
        List<String> names = names();
        if (!tokens.takeName("in")) {
            throw tokens.error("expected 'in'");
        }
        Expression items = expressions.or();
        Expression condition = tokens.takeName("if") ? expressions.parse() : _ -> true;
        endBlock();
        Statement body = body(Set.of("else", "endfor"));
        Statement otherwise = Statement.all(List.of());
        boolean hasElse = tokens.next().text().equals("else");
        endBlock();
        if (hasElse) {
            otherwise = bodyUpTo("endfor");
        }
        return new Loop(names, items, condition, body, otherwise);
    }

    private Statement assignment() {
        String first = tokens.expect(Kind.NAME).text();
        if (tokens.takeOperator(".")) {
            String attribute = tokens.expect(Kind.NAME).text();
            tokens.expectOperator("=");
            Expression value = expressions.parseTuple();
            endBlock();
            return (scope, _) -> {
                Globals.Namespace.of(scope.get(first)).put(attribute, value.value(scope));
                return Flow.NEXT;
            };
        }
        List<String> names = new ArrayList<>(List.of(first));
        if (tokens.takeOperator(",")) {
            names.addAll(names());
        }
        if (!tokens.takeOperator("=")) {
            endBlock();
            return capture(first, bodyUpTo("endset"));
        }
        Expression value = expressions.parseTuple();
        endBlock();
        return (scope, _) -> {
            assign(scope, names, value.value(scope));
            return Flow.NEXT;
        };
    }

    /// `{% set name %}...{% endset %}`
    private static Statement capture(String name, Statement body) {
        return (scope, _) -> {
            var text = new Output(scope.budget());
            body.run(scope.inner(), text);
            scope.set(name, text.toString());
            return Flow.NEXT;
        };
    }

    /// One name takes the value, several take its items.
    static void assign(Scope scope, List<String> names, Object value) {
        if (names.size() == 1) {
            scope.set(names.getFirst(), value);
            return;
        }
        List<Object> items = Values.items(value);
        if (items.size() != names.size()) {
            throw new TemplateException(
                    "%d values for the names %s".formatted(items.size(), names));
        }
        Iterator<Object> next = items.iterator();
        names.forEach(name -> scope.set(name, next.next()));
    }

    private Statement macro() {
        String name = tokens.expect(Kind.NAME).text();
        Map<String, Expression> parameters = new LinkedHashMap<>();
        tokens.expectOperator("(");
        while (!tokens.takeOperator(")")) {
            String parameter = tokens.expect(Kind.NAME).text();
            boolean optional = tokens.takeOperator("=");
            parameters.put(
                    parameter, optional ? expressions.parse() : _ -> new Undefined(parameter));
            if (!tokens.isOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        endBlock();
        Statement body = bodyUpTo("endmacro");
        return (scope, _) -> {
            scope.set(name, macro(scope, parameters, body));
            return Flow.NEXT;
        };
    }

    private static Function macro(Scope home, Map<String, Expression> parameters, Statement body) {
        return (caller, arguments) -> {
            Scope scope = home.inner();
            int index = 0;
            for (var parameter : parameters.entrySet()) {
                Object fallback = parameter.getValue().value(scope);
                scope.set(parameter.getKey(), arguments.get(index++, parameter.getKey(), fallback));
            }
            var text = new Output(caller.budget());
            body.run(scope, text);
            return text.toString();
        };
    }
}
