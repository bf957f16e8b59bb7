package org.wanda4j.text.jinja;

/// A value with attributes of its own.
interface Members {

    /// The attribute `name`, or [Undefined].
    Object member(String name);
}
