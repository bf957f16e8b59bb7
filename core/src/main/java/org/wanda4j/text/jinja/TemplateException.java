package org.wanda4j.text.jinja;

/// A template cannot be read or rendered, or gives up by itself. The message is one line.
public final class TemplateException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /// What is wrong, in one line.
    public TemplateException(String message) {
        super(message);
    }
}
