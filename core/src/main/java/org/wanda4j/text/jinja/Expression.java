package org.wanda4j.text.jinja;

/// Something that has a value.
interface Expression {

    /// Its value where `scope` says what names stand for.
    Object value(Scope scope);
}
