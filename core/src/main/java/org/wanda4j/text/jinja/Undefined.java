package org.wanda4j.text.jinja;

/// What a name stands for that has no value: false, empty, and an error to look into.
///
/// @param message what is absent
record Undefined(String message) {

    /// A variable.
    static Undefined variable(String name) {
        return new Undefined("'" + name + "' is undefined");
    }

    /// An attribute or item of `value`.
    static Undefined member(Object value, Object key) {
        return new Undefined(
                "'%s' object has no attribute or item '%s'"
                        .formatted(
                                Values.type(value),
                                key instanceof String || key instanceof Long
                                        ? key
                                        : Values.type(key)));
    }

    TemplateException error() {
        return new TemplateException(message);
    }
}
