package org.wanda4j.text.jinja;

/// Something that a template can call.
interface Function {

    /// @param scope of the caller
    Object call(Scope scope, Arguments arguments);
}
