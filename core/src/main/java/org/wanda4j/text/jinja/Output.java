package org.wanda4j.text.jinja;

/// Text that grows as far as the limit of work allows.
final class Output {

    private final StringBuilder text = new StringBuilder();
    private final WorkLimit work;

    Output(WorkLimit work) {
        this.work = work;
    }

    Output append(String piece) {
        work.charge(piece.length());
        text.append(piece);
        return this;
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
