package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.wanda4j.text.jinja.Token.Kind;

/// Makes expressions of tokens, one method for each level of precedence, as Jinja has them.
final class ExpressionParser {

    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", ">", "<=", ">=");
    private static final Set<String> NO_ARGUMENT = Set.of("and", "or", "else", "is", "if", "not");

    private final TokenReader tokens;

    ExpressionParser(TokenReader tokens) {
        this.tokens = tokens;
    }

    /// `a if b else c`
    Expression parse() {
        Expression value = or();
        while (tokens.takeName("if")) {
            Expression yes = value;
            Expression condition = or();
            Expression no = tokens.takeName("else") ? parse() : _ -> new Undefined("else");
            value = scope -> (Values.isTrue(condition.value(scope)) ? yes : no).value(scope);
        }
        return value;
    }

    /// One expression, or several with commas between them, which are a list.
    Expression parseTuple() {
        Expression first = parse();
        if (!tokens.isOperator(",")) {
            return first;
        }
        List<Expression> all = new ArrayList<>(List.of(first));
        while (tokens.takeOperator(",")) {
            all.add(parse());
        }
        return list(all);
    }

    /// Without `a if b`, for the list of a loop that has a condition of its own.
    Expression or() {
        Expression left = and();
        while (tokens.takeName("or")) {
            Expression first = left;
            Expression second = and();
            left =
                    scope -> {
                        Object value = first.value(scope);
                        return Values.isTrue(value) ? value : second.value(scope);
                    };
        }
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (tokens.takeName("and")) {
            Expression first = left;
            Expression second = not();
            left =
                    scope -> {
                        Object value = first.value(scope);
                        return Values.isTrue(value) ? second.value(scope) : value;
                    };
        }
        return left;
    }

    private Expression not() {
        if (tokens.takeName("not")) {
            Expression operand = not();
            return scope -> !Values.isTrue(operand.value(scope));
        }
        return comparison();
    }

    /// `a < b <= c` compares both.
    private Expression comparison() {
        Expression left = sum();
        Expression result = null;
        while (comparisonFollows()) {
            String operator = comparisonOperator();
            Expression first = left;
            Expression second = sum();
            Expression compared =
                    scope ->
                            Values.compare(
                                    scope, operator, first.value(scope), second.value(scope));
            Expression before = result;
            result =
                    before == null
                            ? compared
                            : scope ->
                                    Values.isTrue(before.value(scope))
                                            && Values.isTrue(compared.value(scope));
            left = second;
        }
        return result == null ? left : result;
    }

    private boolean comparisonFollows() {
        Token token = tokens.peek();
        return (token.kind() == Kind.OPERATOR && COMPARISONS.contains(token.text()))
                || tokens.isName("in")
                || (tokens.isName("not") && tokens.peekSecond().is(Kind.NAME, "in"));
    }

    private String comparisonOperator() {
        String operator = tokens.next().text();
        return operator.equals("not") ? "not " + tokens.next().text() : operator;
    }

    private Expression sum() {
        Expression left = concatenation();
        while (tokens.isOperator("+") || tokens.isOperator("-")) {
            left = binary(tokens.next().text(), left, concatenation());
        }
        return left;
    }

    private Expression concatenation() {
        Expression left = product();
        while (tokens.takeOperator("~")) {
            left = binary("~", left, product());
        }
        return left;
    }

    private Expression product() {
        Expression left = unary();
        while (tokens.isOperator("*")
                || tokens.isOperator("/")
                || tokens.isOperator("//")
                || tokens.isOperator("%")) {
            left = binary(tokens.next().text(), left, unary());
        }
        return left;
    }

    private static Expression binary(String operator, Expression left, Expression right) {
        return scope ->
                Values.charged(
                        scope,
                        Values.calculate(scope, operator, left.value(scope), right.value(scope)));
    }

    private Expression unary() {
        if (tokens.takeOperator("-")) {
            Expression operand = unary();
            return scope -> Values.calculate(scope, "-", 0L, operand.value(scope));
        }
        if (tokens.takeOperator("+")) {
            return unary();
        }
        return filtered(postfix(primary()));
    }

    /// `x | filter(a)` and `x is test`
    private Expression filtered(Expression operand) {
        Expression value = operand;
        while (true) {
            if (tokens.takeOperator("|")) {
                value = filter(value);
            } else if (tokens.takeName("is")) {
                value = test(value);
            } else if (tokens.isOperator("(")) {
                value = call(value);
            } else {
                return value;
            }
        }
    }

    /// A filter behind `value`, or without one in `{% filter %}` and `map('name')`.
    private Expression filter(Expression value) {
        String name = tokens.expect(Kind.NAME).text();
        Filters.Filter filter = Filters.named(name);
        Call call = tokens.isOperator("(") ? arguments() : Call.NONE;
        return scope -> {
            Object operand = Values.charged(scope, value.value(scope));
            return Values.charged(scope, filter.apply(scope, operand, call.arguments(scope)));
        };
    }

    private Expression test(Expression value) {
        boolean negated = tokens.takeName("not");
        Tests.Test test = Tests.named(tokens.expect(Kind.NAME).text());
        Call call;
        if (tokens.isOperator("(")) {
            call = arguments();
        } else if (argumentFollows()) {
            call = new Call(List.of(postfix(primary())), Map.of());
        } else {
            call = Call.NONE;
        }
        return scope -> test.holds(scope, value.value(scope), call.arguments(scope)) != negated;
    }

    private boolean argumentFollows() {
        Token token = tokens.peek();
        return switch (token.kind()) {
            case NAME -> !NO_ARGUMENT.contains(token.text());
            case STRING, INTEGER, FLOAT -> true;
            case OPERATOR -> token.text().equals("[") || token.text().equals("{");
            default -> false;
        };
    }

    private Expression postfix(Expression operand) {
        Expression value = operand;
        while (true) {
            if (tokens.takeOperator(".")) {
                Token name = tokens.next();
                Expression of = value;
                value =
                        name.kind() == Kind.INTEGER
                                ? scope -> Values.item(scope, of.value(scope), number(name))
                                : scope -> Values.attribute(scope, of.value(scope), name.text());
            } else if (tokens.takeOperator("[")) {
                value = subscript(value);
            } else if (tokens.isOperator("(")) {
                value = call(value);
            } else {
                return value;
            }
        }
    }

    private Expression subscript(Expression of) {
        Expression[] slice = new Expression[3];
        int part = 0;
        while (!tokens.takeOperator("]")) {
            if (tokens.takeOperator(":")) {
                part++;
            } else {
                slice[Math.min(part, 2)] = parseTuple();
            }
            if (part > 2) {
                throw tokens.error("expected ']'");
            }
        }
        if (part == 0 && slice[0] != null) {
            return scope -> Values.item(scope, of.value(scope), slice[0].value(scope));
        }
        return scope ->
                Values.charged(
                        scope,
                        Values.slice(
                                Values.charged(scope, of.value(scope)),
                                bound(slice[0], scope),
                                bound(slice[1], scope),
                                bound(slice[2], scope)));
    }

    private static Object bound(Expression bound, Scope scope) {
        return bound == null ? null : bound.value(scope);
    }

    private Expression call(Expression of) {
        Call call = arguments();
        return scope -> {
            Object called = of.value(scope);
            if (!(called instanceof Function function)) {
                throw called instanceof Undefined undefined
                        ? undefined.error()
                        : new TemplateException("something is called that is no function");
            }
            scope.budget().charge(1);
            return Values.charged(scope, function.call(scope, call.arguments(scope)));
        };
    }

    /// `(a, b, key=c)`, not evaluated yet.
    private record Call(List<Expression> positional, Map<String, Expression> named) {

        static final Call NONE = new Call(List.of(), Map.of());

        Arguments arguments(Scope scope) {
            if (positional.isEmpty() && named.isEmpty()) {
                return Arguments.NONE;
            }
            List<Object> values = new ArrayList<>();
            positional.forEach(each -> values.add(each.value(scope)));
            Map<String, Object> byName = new LinkedHashMap<>();
            named.forEach((name, each) -> byName.put(name, each.value(scope)));
            return new Arguments(values, byName);
        }
    }

    private Call arguments() {
        tokens.expectOperator("(");
        List<Expression> positional = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        while (!tokens.takeOperator(")")) {
            if (tokens.peek().kind() == Kind.NAME && tokens.peekSecond().is(Kind.OPERATOR, "=")) {
                String name = tokens.next().text();
                tokens.next();
                named.put(name, parse());
            } else {
                positional.add(parse());
            }
            if (!tokens.isOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        return new Call(positional, named);
    }

    private Expression primary() {
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
            case INTEGER -> constant(number(token));
            case FLOAT -> constant(Double.valueOf(token.text()));
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

    private static Long number(Token token) {
        try {
            return Long.valueOf(token.text());
        } catch (NumberFormatException e) {
            throw new TemplateException("line " + token.line() + ": a number that is too large");
        }
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
                        scope.budget().charge(1);
                        return scope.get(name);
                    };
        };
    }

    private Expression inParentheses() {
        if (tokens.takeOperator(")")) {
            return list(List.of());
        }
        Expression first = parse();
        if (tokens.takeOperator(")")) {
            return first;
        }
        tokens.expectOperator(",");
        List<Expression> all = new ArrayList<>(List.of(first));
        all.addAll(items(")"));
        return list(all);
    }

    private List<Expression> items(String end) {
        List<Expression> items = new ArrayList<>();
        while (!tokens.takeOperator(end)) {
            items.add(parse());
            if (!tokens.isOperator(end)) {
                tokens.expectOperator(",");
            }
        }
        return items;
    }

    private static Expression list(List<Expression> items) {
        return scope -> {
            List<Object> values = new ArrayList<>();
            items.forEach(item -> values.add(item.value(scope)));
            return Values.charged(scope, values);
        };
    }

    private Expression map() {
        Map<Expression, Expression> entries = new LinkedHashMap<>();
        while (!tokens.takeOperator("}")) {
            Expression key = parse();
            tokens.expectOperator(":");
            entries.put(key, parse());
            if (!tokens.isOperator("}")) {
                tokens.expectOperator(",");
            }
        }
        return scope -> {
            Map<String, Object> values = new LinkedHashMap<>();
            entries.forEach((key, value) ->
                    values.put(Values.text(scope, key.value(scope)), value.value(scope)));
            return Values.charged(scope, values);
        };
    }
}
