package org.wanda4j.text.jinja;

/// What a name stands for that has no value: false, empty, and an error to look into.
///
/// @param name for messages
record Undefined(String name) {

    TemplateException error() {
        return new TemplateException("'" + name + "' is undefined");
    }
}
