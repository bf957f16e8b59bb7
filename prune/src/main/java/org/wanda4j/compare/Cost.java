package org.wanda4j.compare;

import java.util.Locale;
import java.util.OptionalDouble;

/// What quality is paid with. Of each, less is better.
public enum Cost {
    /// Bytes of the weights' files.
    SIZE("smaller", "MB") {
        @Override
        OptionalDouble of(Cell cell) {
            return OptionalDouble.of((double) cell.bytes());
        }

        @Override
        double shown(double cost) {
            return cost / 1e6;
        }
    },
    /// Seconds that the runtime takes to decode a token.
    DECODE("faster", "tokens/s") {
        @Override
        OptionalDouble of(Cell cell) {
            return cell.speed()
                    .map(speed -> OptionalDouble.of(1 / speed.decodeTokensPerSecond()))
                    .orElse(OptionalDouble.empty());
        }

        @Override
        double shown(double cost) {
            return 1 / cost;
        }
    },
    /// Seconds that it takes to make the cell from the dense model.
    TIME("sooner made", "s") {
        @Override
        OptionalDouble of(Cell cell) {
            return cell.isDense() ? OptionalDouble.empty() : OptionalDouble.of(cell.seconds());
        }

        @Override
        double shown(double cost) {
            return cost;
        }
    };

    private final String comparative;
    private final String unit;

    Cost(String comparative, String unit) {
        this.comparative = comparative;
        this.unit = unit;
    }

    /// Of a cell; empty where it was not measured, or is none.
    abstract OptionalDouble of(Cell cell);

    /// In the unit that people read.
    abstract double shown(double cost);

    /// What a cell of less cost is, as in `smaller`.
    String comparative() {
        return comparative;
    }

    /// The cost of a cell for people, with its unit.
    String text(Cell cell) {
        double value = shown(of(cell).orElseThrow());
        return String.format(Locale.ROOT, value < 10 ? "%.1f %s" : "%.0f %s", value, unit);
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
