package org.wanda4j.text.jinja;

/// A function that a template can call.
interface Function {

    /// @param scope of the caller
    Object call(Scope scope, Arguments arguments);
}
