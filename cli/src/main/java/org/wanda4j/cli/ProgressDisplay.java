package org.wanda4j.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jline.terminal.spi.SystemStream;
import org.jline.terminal.spi.TerminalProvider;
import org.wanda4j.calibrate.Progress;

/// Shows how far a run has come, on standard error: a bar where that is a terminal, elsewhere a line a minute.
final class ProgressDisplay implements Progress, AutoCloseable {

    static final Duration BETWEEN_LINES = Duration.ofMinutes(1);

    private static final long MEGABYTE = 1_000_000;

    private final String unit;
    private final long unitSize;
    private final BooleanSupplier terminal;
    private final LongSupplier nanoTime;
    private final Consumer<String> lines;
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
        this(unit, 1, Console::isErrorTerminal, System::nanoTime, Console::note);
    }

    /// Of bytes, which are shown in MB.
    static ProgressDisplay ofBytes() {
        return new ProgressDisplay(
                "MB", MEGABYTE, Console::isErrorTerminal, System::nanoTime, Console::note);
    }

    /// @param unit what is shown
    /// @param unitSize how many of what is counted are one of it
    /// @param terminal whether a bar is drawn, asked when work begins
    /// @param nanoTime the clock
    /// @param lines takes what is said where there is no bar
    ProgressDisplay(
            String unit,
            long unitSize,
            BooleanSupplier terminal,
            LongSupplier nanoTime,
            Consumer<String> lines) {
        this.unit = unit;
        this.unitSize = unitSize;
        this.terminal = terminal;
        this.nanoTime = nanoTime;
        this.lines = lines;
    }

    @Override
    public synchronized void start(String task, long tokens) {
        close();
        what = task;
        total = tokens;
        done = 0;
        begin = nanoTime.getAsLong();
        lastLine = begin;
        if (terminal.getAsBoolean()) {
            bar =
                    new ProgressBarBuilder()
                            .setTaskName(task)
                            .setInitialMax(tokens)
                            .setUnit(" " + unit, unitSize)
                            .showSpeed()
                            .setStyle(ProgressBarStyle.ASCII)
                            .setConsumer(new ErrorTerminal())
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
            return;
        }
        long now = nanoTime.getAsLong();
        if (now - lastLine >= BETWEEN_LINES.toNanos()) {
            lastLine = now;
            lines.accept(line(step, (now - begin) / 1e9));
        }
    }

    /// Takes a bar that is as wide as the terminal of standard error. The library itself would open a terminal of JLine's for the width,
    /// and that gives signals what they do by default: Ctrl-C would end the process without its shutdown hooks.
    private static final class ErrorTerminal extends ConsoleProgressBarConsumer {

        private static final int USUAL_WIDTH = 80;

        ErrorTerminal() {
            super(System.err);
        }

        @Override
        public int getMaxRenderedLength() {
            try {
                int width = TerminalProvider.load("ffm").systemStreamWidth(SystemStream.Error);
                return (width > 0 ? width : USUAL_WIDTH) - 1;
            } catch (IOException e) {
                return USUAL_WIDTH - 1;
            }
        }
    }

    private String line(String step, double seconds) {
        return "%s: %s, %.0f %%, %,.0f %s/s, %s left"
                .formatted(
                        what,
                        step,
                        100.0 * done / Math.max(1, total),
                        done / seconds / unitSize,
                        unit,
                        Format.duration(seconds * (total - done) / Math.max(1, done)));
    }

    @Override
    public synchronized void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
