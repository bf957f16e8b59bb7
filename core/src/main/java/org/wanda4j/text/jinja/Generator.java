package org.wanda4j.text.jinja;

import java.util.Iterator;

/// A lazy sequence that can be iterated once.
final class Generator {

    private final Iterator<Object> items;

    Generator(Iterator<Object> items) {
        this.items = items;
    }

    Iterator<Object> items() {
        return items;
    }
}
