package org.wanda4j.text.jinja;

import java.util.AbstractList;

/// Python's range.
final class Range extends AbstractList<Object> {

    /// What the sandbox of Jinja allows.
    private static final int LONGEST = 100_000;

    private final long from;
    private final long to;
    private final long step;
    private final int size;

    Range(long from, long to, long step) {
        if (step == 0) {
            throw new TemplateException("a range has step 0");
        }
        this.from = from;
        this.to = to;
        this.step = step;
        try {
            long steps = Math.ceilDiv(Math.subtractExact(to, from), step);
            if (steps > LONGEST) {
                throw new TemplateException("a range of more than " + LONGEST + " items");
            }
            this.size = (int) Math.max(0, steps);
        } catch (ArithmeticException e) {
            throw Numbers.tooLarge();
        }
    }

    @Override
    public Object get(int index) {
        return from + index * step;
    }

    @Override
    public int size() {
        return size;
    }

    /// The range of the items from place `start` to before `end`, by `stride` places.
    Range part(long start, long end, long stride) {
        try {
            return new Range(at(start), at(end), Math.multiplyExact(step, stride));
        } catch (ArithmeticException e) {
            throw Numbers.tooLarge();
        }
    }

    private long at(long place) {
        return Math.addExact(from, Math.multiplyExact(place, step));
    }

    /// As Python writes it.
    String text() {
        return "range(%d, %d%s)".formatted(from, to, step == 1 ? "" : ", " + step);
    }
}
