package org.wanda4j.text.jinja;

import java.util.Iterator;

/// Items that are made when they are asked for, and can be gone through once.
final class Generator {

    private final Iterator<Object> items;

    Generator(Iterator<Object> items) {
        this.items = items;
    }

    Iterator<Object> items() {
        return items;
    }
}
