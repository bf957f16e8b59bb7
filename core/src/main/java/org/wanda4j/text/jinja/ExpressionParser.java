package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.wanda4j.text.jinja.Token.Kind;

/// Recursive-descent parser of expressions, with one method for each of Jinja's levels of precedence; [OperandParser] parses operands.
final class ExpressionParser {

    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", ">", "<=", ">=");

    private final TokenReader tokens;
    private final OperandParser operands;

    ExpressionParser(TokenReader tokens) {
        this.tokens = tokens;
        this.operands = new OperandParser(tokens, this);
    }

    /// `a if b else c`
    Expression parse() {
        Expression value = or();
        while (tokens.takeName("if")) {
            Expression yes = value;
            Expression condition = or();
            Undefined nothing =
                    new Undefined(
                            "line %d: an 'if' without 'else' has no value"
                                    .formatted(tokens.peek().line()));
            Expression no = tokens.takeName("else") ? parse() : _ -> nothing;
            value = scope -> (Values.isTrue(condition.value(scope)) ? yes : no).value(scope);
        }
        return value;
    }

    /// One expression, or several with commas between them, which are a tuple.
    Expression parseTuple() {
        return tuple(parse());
    }

    /// As [#parseTuple], but without `a if b`: in a loop, `if` begins the loop's own condition.
    Expression parseItems() {
        return tuple(or());
    }

    private Expression tuple(Expression first) {
        if (!tokens.isOperator(",")) {
            return first;
        }
        List<Expression> all = new ArrayList<>(List.of(first));
        while (tokens.takeOperator(",") && !endsTuple()) {
            all.add(parse());
        }
        return OperandParser.tuple(all);
    }

    private boolean endsTuple() {
        Token token = tokens.peek();
        return token.kind() == Kind.BLOCK_END
                || token.kind() == Kind.OUTPUT_END
                || token.is(Kind.OPERATOR, ")");
    }

    /// The filters of `{% filter a | b(1) %}`, applied to `value`: the first one has no bar before it.
    Expression filters(Expression value) {
        return operands.filtered(operands.filter(value));
    }

    private Expression or() {
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

    /// Comparisons, chained as in Python: `a < b <= c`.
    private Expression comparison() {
        Expression first = sum();
        List<String> operators = new ArrayList<>();
        List<Expression> others = new ArrayList<>();
        while (comparisonFollows()) {
            operators.add(comparisonOperator());
            others.add(sum());
        }
        if (operators.isEmpty()) {
            return first;
        }
        return scope -> {
            Object left = first.value(scope);
            boolean holds = true;
            for (int i = 0; holds && i < operators.size(); i++) {
                Object right = others.get(i).value(scope);
                holds = Operators.compare(scope, operators.get(i), left, right);
                left = right;
            }
            return holds;
        };
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
        Expression left = power();
        while (tokens.isOperator("*")
                || tokens.isOperator("/")
                || tokens.isOperator("//")
                || tokens.isOperator("%")) {
            left = binary(tokens.next().text(), left, power());
        }
        return left;
    }

    /// Powers, left-associative as in Jinja, unlike in Python.
    private Expression power() {
        Expression left = unary(true);
        while (tokens.takeOperator("**")) {
            left = binary("**", left, unary(true));
        }
        return left;
    }

    private static Expression binary(String operator, Expression left, Expression right) {
        return scope ->
                Values.charged(
                        scope,
                        Operators.calculate(
                                scope, operator, left.value(scope), right.value(scope)));
    }

    /// A sign binds tighter than a filter.
    private Expression unary(boolean withFilters) {
        Expression value;
        if (tokens.isOperator("-") || tokens.isOperator("+")) {
            String sign = tokens.next().text();
            Expression operand = unary(false);
            value = scope -> Operators.signed(sign, operand.value(scope));
        } else {
            value = operands.primary();
        }
        Expression operand = operands.postfix(value);
        return withFilters ? operands.filtered(operand) : operand;
    }
}
