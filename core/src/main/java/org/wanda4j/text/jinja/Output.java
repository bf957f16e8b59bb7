package org.wanda4j.text.jinja;

/// Text that grows as far as the budget allows.
final class Output {

    private final StringBuilder text = new StringBuilder();
    private final Budget budget;

    Output(Budget budget) {
        this.budget = budget;
    }

    Output append(String piece) {
        budget.charge(piece.length());
        text.append(piece);
        return this;
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
