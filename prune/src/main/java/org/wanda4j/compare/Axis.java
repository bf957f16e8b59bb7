package org.wanda4j.compare;

import java.util.ArrayList;
import java.util.List;

/// Values along a side of a plot.
///
/// @param min at `from`
/// @param max at `to`
/// @param logarithmic whether equal ratios take equal room
/// @param from coordinate
/// @param to coordinate
record Axis(double min, double max, boolean logarithmic, double from, double to) {

    private static final double TICKS = 7;

    /// From 0 to a little more than the largest of `values`.
    static Axis linear(List<Double> values, double from, double to) {
        return new Axis(0, 1.06 * values.stream().reduce(0.0, Math::max), false, from, to);
    }

    /// A little more than `values`, which are positive: 6 % of the room below and above them.
    static Axis logarithmic(List<Double> values, double from, double to) {
        double min = values.stream().reduce(Double.POSITIVE_INFINITY, Math::min);
        double max = values.stream().reduce(0.0, Math::max);
        double room = Math.max(1.1, Math.pow(max / min, 0.06));
        return new Axis(min / room, max * room, true, from, to);
    }

    /// The same room for values divided by `unit`.
    Axis in(double unit) {
        return new Axis(min / unit, max / unit, logarithmic, from, to);
    }

    double place(double value) {
        double part =
                logarithmic
                        ? Math.log(value / min) / Math.log(max / min)
                        : (value - min) / (max - min);
        return from + part * (to - from);
    }

    /// Round values to mark.
    List<Double> ticks() {
        return logarithmic ? logarithmicTicks() : linearTicks();
    }

    private List<Double> linearTicks() {
        double raw = (max - min) / TICKS;
        double ten = Math.pow(10, Math.floor(Math.log10(raw)));
        double step = ten * (raw / ten <= 1 ? 1 : raw / ten <= 2 ? 2 : raw / ten <= 5 ? 5 : 10);
        List<Double> ticks = new ArrayList<>();
        for (double i = Math.ceil(min / step); i * step <= max; i++) {
            ticks.add(i * step);
        }
        return ticks;
    }

    private List<Double> logarithmicTicks() {
        double decades = Math.log10(max / min);
        double[] parts =
                decades > 2
                        ? new double[] {1, 3}
                        : decades > 0.6
                                ? new double[] {1, 1.5, 2, 3, 5, 7}
                                : new double[] {
                                    1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8,
                                    9
                                };
        List<Double> ticks = new ArrayList<>();
        for (double ten = Math.pow(10, Math.floor(Math.log10(min))); ten <= max; ten *= 10) {
            for (double part : parts) {
                if (part * ten >= min && part * ten <= max) {
                    ticks.add(part * ten);
                }
            }
        }
        return ticks;
    }
}
