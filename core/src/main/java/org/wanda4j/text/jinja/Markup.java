package org.wanda4j.text.jinja;

/// A text that `safe` or `escape` has marked: what is added to it gets escaped.
record Markup(String text) {

    /// `value` with HTML's special characters escaped, unless it is marked already.
    static Markup escaped(Scope scope, Object value) {
        return value instanceof Markup markup ? markup : forced(Values.text(scope, value));
    }

    static Markup forced(String text) {
        return new Markup(
                text.replace("&", "&amp;")
                        .replace("<", "&lt;")
                        .replace(">", "&gt;")
                        .replace("'", "&#39;")
                        .replace("\"", "&#34;"));
    }
}
