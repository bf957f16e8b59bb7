package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.wanda4j.text.jinja.Statement.Flow;
import org.wanda4j.text.jinja.Token.Kind;

/// Recursive-descent parser of statements.
final class Parser {

    private final TokenReader tokens;
    private final ExpressionParser expressions;

    /// How many loops are open that `break` could leave.
    private int loops;

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
            case "call" -> callBlock();
            case "filter" -> filterBlock();
            case "with" -> with();
            case "block" -> namedBlock();
            case "autoescape" -> autoescape();
            case "generation" -> {
                endBlock();
                yield bodyUpTo("endgeneration");
            }
            case "break" -> leave(name, Flow.BREAK);
            case "continue" -> leave(name, Flow.CONTINUE);
            case "include", "import", "from", "extends" -> otherTemplate(name);
            default -> throw error(name, "is not known in chat templates");
        };
    }

    private static TemplateException error(Token name, String what) {
        return new TemplateException(
                "line %d: {%% %s %%} %s".formatted(name.line(), name.text(), what));
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

    private Statement leave(Token name, Flow flow) {
        if (loops == 0) {
            throw error(name, "stands outside of a loop");
        }
        endBlock();
        return (_, _) -> flow;
    }

    /// Another template's inclusion: an error when it is run, as a chat template has none beside it.
    private Statement otherTemplate(Token name) {
        while (tokens.peek().kind() != Kind.BLOCK_END && tokens.peek().kind() != Kind.END) {
            tokens.next();
        }
        endBlock();
        return (_, _) -> {
            throw error(name, "is not possible in chat templates");
        };
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

    private Statement loop() {
        Target target = Target.parse(tokens);
        if (!tokens.takeName("in")) {
            throw tokens.error("expected 'in'");
        }
        Expression items = expressions.parseItems();
        Optional<Expression> condition =
                tokens.takeName("if") ? Optional.of(expressions.parse()) : Optional.empty();
        boolean recursive = tokens.takeName("recursive");
        endBlock();
        loops++;
        Statement body = body(Set.of("else", "endfor"));
        loops--;
        boolean hasElse = tokens.next().text().equals("else");
        endBlock();
        Statement otherwise = hasElse ? bodyUpTo("endfor") : Statement.all(List.of());
        return new Loop(target, items, condition, recursive, body, otherwise);
    }

    private Statement assignment() {
        Target target = Target.parse(tokens);
        if (tokens.takeOperator("=")) {
            Expression value = expressions.parseTuple();
            endBlock();
            return (scope, _) -> {
                target.assign(scope, value.value(scope));
                return Flow.NEXT;
            };
        }
        Captured captured = captured(tokens.takeOperator("|"), "endset");
        return captured.then((scope, _, text) -> target.assign(scope, text));
    }

    /// `{% filter name %}body{% endfilter %}`
    private Statement filterBlock() {
        return captured(true, "endfilter")
                .then((scope, output, text) -> output.append(Values.text(scope, text)));
    }

    /// A body whose text is filtered. The filters read the text from a variable whose name no template can write.
    private Captured captured(boolean filtered, String end) {
        Expression text = scope -> scope.get(Captured.TEXT);
        Expression value = filtered ? expressions.filters(text) : text;
        endBlock();
        return new Captured(bodyUpTo(end), value);
    }

    private record Captured(Statement body, Expression value) {

        static final String TEXT = "";

        private interface Use {
            void of(Scope scope, Output output, Object text);
        }

        Statement then(Use use) {
            return (scope, output) -> {
                var text = new Output(scope.work());
                Scope inner = scope.inner();
                Flow flow = body.run(inner, text);
                if (flow == Flow.NEXT) {
                    inner.set(TEXT, text.toString());
                    use.of(scope, output, value.value(inner));
                }
                return flow;
            };
        }
    }

    /// `{% with a = 1, b = 2 %}body{% endwith %}`
    private Statement with() {
        Map<Target, Expression> values = new LinkedHashMap<>();
        while (tokens.peek().kind() != Kind.BLOCK_END) {
            Target target = Target.parseOne(tokens);
            tokens.expectOperator("=");
            values.put(target, expressions.parse());
            if (tokens.peek().kind() != Kind.BLOCK_END) {
                tokens.expectOperator(",");
            }
        }
        endBlock();
        Statement body = bodyUpTo("endwith");
        return (scope, output) -> {
            Scope inner = scope.inner();
            values.forEach((target, value) -> target.assign(inner, value.value(scope)));
            return body.run(inner, output);
        };
    }

    /// `{% block name %}body{% endblock name %}`, which sees nothing of a loop around it.
    private Statement namedBlock() {
        tokens.expect(Kind.NAME);
        boolean scoped = tokens.takeName("scoped");
        tokens.takeName("required");
        endBlock();
        Statement body = body(Set.of("endblock"));
        tokens.next();
        if (tokens.peek().kind() == Kind.NAME) {
            tokens.next();
        }
        endBlock();
        return (scope, output) -> body.run((scoped ? scope : scope.outermost()).inner(), output);
    }

    private Statement autoescape() {
        Expression escapes = expressions.parse();
        endBlock();
        Statement body = bodyUpTo("endautoescape");
        return (scope, output) -> {
            if (Values.isTrue(escapes.value(scope))) {
                throw new TemplateException("{% autoescape %} is not supported in chat templates");
            }
            return body.run(scope.inner(), output);
        };
    }

    private Statement macro() {
        Macro.Definition macro = definition(tokens.expect(Kind.NAME).text(), "endmacro");
        return (scope, _) -> {
            scope.set(macro.name(), new Macro(scope, macro));
            return Flow.NEXT;
        };
    }

    /// `{% call(parameters) macro(arguments) %}body{% endcall %}`
    private Statement callBlock() {
        Map<String, Optional<Expression>> parameters =
                tokens.isOperator("(") ? parameters() : Map.of();
        if (!(expressions.parse() instanceof Call(Expression of, Call.Given given))) {
            throw tokens.error("expected a call");
        }
        Macro.Definition caller = definition("caller", parameters, "endcall");
        Expression macro = scope -> new Macro(scope, caller);
        return write(new Call(of, given.with("caller", macro)));
    }

    private Macro.Definition definition(String name, String end) {
        return definition(name, parameters(), end);
    }

    private Macro.Definition definition(
            String name, Map<String, Optional<Expression>> parameters, String end) {
        endBlock();
        int around = loops;
        loops = 0;
        int begin = tokens.at();
        Statement body = bodyUpTo(end);
        loops = around;
        List<String> rest =
                Stream.of("varargs", "kwargs", "caller")
                        .filter(each -> tokens.hasNameSince(begin, each))
                        .toList();
        return new Macro.Definition(name, parameters, body, rest);
    }

    private Map<String, Optional<Expression>> parameters() {
        Map<String, Optional<Expression>> parameters = new LinkedHashMap<>();
        tokens.expectOperator("(");
        while (!tokens.takeOperator(")")) {
            String parameter = tokens.expect(Kind.NAME).text();
            boolean optional = tokens.takeOperator("=");
            parameters.put(
                    parameter, optional ? Optional.of(expressions.parse()) : Optional.empty());
            if (!tokens.isOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        return parameters;
    }
}
