package org.wanda4j.text.jinja;

/// An expression.
interface Expression {

    /// Evaluates it with the variables of `scope`.
    Object value(Scope scope);
}
