package org.wanda4j.cli;

import java.time.Duration;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.wanda4j.calibrate.Progress;

/// Shows how far a run has come: a bar on a terminal, a line now and then elsewhere. On standard error.
final class ProgressDisplay implements Progress, AutoCloseable {

    private static final Duration BETWEEN_LINES = Duration.ofSeconds(5);

    private final boolean terminal = Console.isTerminal();
    private final String unit;
    private ProgressBar bar;
    private String what = "";
    private long total;
    private long done;
    private long begin;
    private long lastLine;

    ProgressDisplay() {
        this("tokens");
    }

    /// @param unit what is counted
    ProgressDisplay(String unit) {
        this.unit = unit;
    }

    @Override
    public synchronized void start(String task, long tokens) {
        close();
        what = task;
        total = tokens;
        done = 0;
        begin = System.nanoTime();
        lastLine = begin;
        if (terminal) {
            bar =
                    new ProgressBarBuilder()
                            .setTaskName(task)
                            .setInitialMax(tokens)
                            .setUnit(" " + unit, 1)
                            .showSpeed()
                            .setStyle(ProgressBarStyle.ASCII)
                            .setConsumer(new ConsoleProgressBarConsumer(System.err))
                            .clearDisplayOnFinish()
                            .build();
        }
    }

    @Override
    public synchronized void advance(long tokens, String step) {
        done += tokens;
        if (bar != null) {
            bar.setExtraMessage(" " + step);
            bar.stepBy(tokens);
        } else if (System.nanoTime() - lastLine > BETWEEN_LINES.toNanos()) {
            lastLine = System.nanoTime();
            double seconds = (lastLine - begin) / 1e9;
            Console.note(
                    "%s: %s, %.0f %%, %,.0f %s/s, %s left"
                            .formatted(
                                    what,
                                    step,
                                    100.0 * done / total,
                                    done / seconds,
                                    unit,
                                    Format.duration(seconds * (total - done) / Math.max(1, done))));
        }
    }

    @Override
    public synchronized void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
