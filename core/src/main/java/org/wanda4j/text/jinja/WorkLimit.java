package org.wanda4j.text.jinja;

/// The work that a rendering may still do: each step costs 1, and each string or list its length.
final class WorkLimit {

    /// What a place in a list costs.
    static final int ITEM = 4;

    private static final long UNITS = 20_000_000;

    private long left = UNITS;

    void charge(long units) {
        left -= units;
        if (left < 0) {
            throw new TemplateException("the template does not come to an end");
        }
    }
}
