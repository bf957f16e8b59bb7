package org.wanda4j.text.jinja;

import java.util.List;

/// A statement of a template.
interface Statement {

    /// How control flow continues.
    enum Flow {
        NEXT,
        BREAK,
        CONTINUE
    }

    /// Executes it.
    Flow run(Scope scope, Output output);

    /// One after the other, until one of them breaks or continues.
    static Statement all(List<Statement> statements) {
        List<Statement> copy = List.copyOf(statements);
        return (scope, output) -> {
            for (Statement statement : copy) {
                scope.work().charge(1);
                Flow flow = statement.run(scope, output);
                if (flow != Flow.NEXT) {
                    return flow;
                }
            }
            return Flow.NEXT;
        };
    }
}
