package org.wanda4j.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/// Where the time goes: seconds by phase, in the order in which the phases first began.
public final class Phases {

    private final long start = System.nanoTime();
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private double before;

    /// Adds what an interrupted run had come to that is being gone on with.
    public void add(Map<String, Double> phases, double elapsed) {
        phases.forEach((phase, spent) -> seconds.merge(phase, spent, Double::sum));
        before += elapsed;
    }

    /// Does `work` and counts its time as `phase`, less the time of phases within it.
    public <T> T time(String phase, Supplier<T> work) {
        seconds.putIfAbsent(phase, 0.0);
        double inner = sum();
        long begin = System.nanoTime();
        try {
            return work.get();
        } finally {
            double spent = (System.nanoTime() - begin) / 1e9 - (sum() - inner);
            seconds.merge(phase, spent, Double::sum);
        }
    }

    /// The same for work without a result.
    public void time(String phase, Runnable work) {
        this.<Object>time(
                phase,
                () -> {
                    work.run();
                    return phase;
                });
    }

    /// Counts time as `phase` that was measured in another way, within the phase at hand.
    public void spent(String phase, double time) {
        seconds.merge(phase, time, Double::sum);
    }

    /// Seconds of each phase.
    public Map<String, Double> seconds() {
        return Collections.unmodifiableMap(seconds);
    }

    /// Seconds since this was made, and those before.
    public double elapsed() {
        return before + (System.nanoTime() - start) / 1e9;
    }

    private double sum() {
        return seconds.values().stream().mapToDouble(Double::doubleValue).sum();
    }
}
