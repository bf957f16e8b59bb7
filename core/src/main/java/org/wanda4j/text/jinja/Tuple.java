package org.wanda4j.text.jinja;

import java.util.AbstractList;
import java.util.Arrays;
import java.util.List;

/// Python's tuple: a list that is written, and compared, as something else.
final class Tuple extends AbstractList<Object> implements Members {

    private final List<?> items;
    private final List<String> names;

    private Tuple(List<?> items, List<String> names) {
        this.items = items;
        this.names = names;
    }

    static Tuple of(List<?> items) {
        return new Tuple(items, List.of());
    }

    static Tuple of(Object first, Object second) {
        return of(Arrays.asList(first, second));
    }

    /// One of what `groupby` gives.
    static Tuple group(Object grouper, List<Object> list) {
        return new Tuple(Arrays.asList(grouper, list), List.of("grouper", "list"));
    }

    @Override
    public Object get(int index) {
        return items.get(index);
    }

    @Override
    public int size() {
        return items.size();
    }

    @Override
    public Object member(String name) {
        int index = names.indexOf(name);
        return index < 0 ? Undefined.member(this, name) : items.get(index);
    }
}
