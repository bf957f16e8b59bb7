package org.wanda4j.text.jinja;

/// A template is invalid, fails, or raises an exception itself. The message is one line.
public final class TemplateException extends RuntimeException {

    private static final long serialVersionUID = 1L;
    private static final int LONGEST = 1000;

    /// What is wrong; what it quotes of a template may have several lines, and becomes one.
    public TemplateException(String message) {
        super(oneLine(message));
    }

    private static String oneLine(String message) {
        String shortened = message.substring(0, Math.min(message.length(), LONGEST));
        return shortened.replaceAll("\\s*\\R\\s*", " ");
    }
}
