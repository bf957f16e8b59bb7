package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ProgressDisplayTest {

    private final AtomicLong clock = new AtomicLong(-5);
    private final List<String> lines = new ArrayList<>();

    @Test
    void withoutATerminalALineAMinuteSaysWhatHowFarHowFastAndHowLongYet() {
        try (var display = new ProgressDisplay("tokens", 1, () -> false, clock::get, lines::add)) {
            display.start("pruning", 36_000);
            for (int second = 1; second <= 150; second++) {
                clock.addAndGet(Duration.ofSeconds(1).toNanos());
                display.advance(100, "block " + second);
            }
        }
        assertEquals(
                List.of(
                        "pruning: block 60, 17 %, 100 tokens/s, 5 min 00 s left",
                        "pruning: block 120, 33 %, 100 tokens/s, 4 min 00 s left"),
                lines);
    }

    /// A terminal of JLine's, which the library opens for its width, would have Ctrl-C end the process without its shutdown hooks.
    @Test
    void aBarOpensNoTerminal() throws ReflectiveOperationException {
        Field terminal =
                Class.forName("me.tongfei.progressbar.TerminalUtils").getDeclaredField("terminal");
        terminal.setAccessible(true);
        List<Boolean> open = new CopyOnWriteArrayList<>();
        var screen =
                new PrintStream(OutputStream.nullOutputStream()) {
                    @Override
                    public void print(String text) {
                        try {
                            open.add(terminal.get(null) != null);
                        } catch (IllegalAccessException e) {
                            throw new AssertionError(e);
                        }
                    }
                };
        PrintStream before = System.err;
        System.setErr(screen);
        try (var display = new ProgressDisplay("tokens", 1, () -> true, clock::get, lines::add)) {
            display.start("pruning", 10);
            display.advance(10, "all");
        } finally {
            System.setErr(before);
        }
        assertEquals(Set.of(false), Set.copyOf(open));
    }

    @Test
    void workThatTakesLongBetweenTwoStepsIsSaidOnceAtTheNext() {
        try (var display = new ProgressDisplay("bytes", 1, () -> false, clock::get, lines::add)) {
            display.start("packing", 10);
            clock.addAndGet(Duration.ofMinutes(10).toNanos());
            display.advance(0, "int8");
            display.advance(5, "int8");
        }
        assertEquals(List.of("packing: int8, 0 %, 0 bytes/s, 1 h 40 min left"), lines);
    }

    @Test
    void eachPieceOfWorkHasItsOwnMinute() {
        try (var display = new ProgressDisplay("tokens", 1, () -> false, clock::get, lines::add)) {
            for (String task : List.of("embedding", "pruning", "predicting")) {
                display.start(task, 100);
                clock.addAndGet(Duration.ofSeconds(59).toNanos());
                display.advance(100, "all");
            }
        }
        assertEquals(List.of(), lines);
    }

    @Test
    void bytesMayBeShownInLargerUnits() {
        try (var display =
                new ProgressDisplay("MB", 1_000_000, () -> false, clock::get, lines::add)) {
            display.start("org/name", 1_000_000_000);
            clock.addAndGet(Duration.ofSeconds(60).toNanos());
            display.advance(300_000_000, "1 of 3 files");
        }
        assertEquals(List.of("org/name: 1 of 3 files, 30 %, 5 MB/s, 2 min 20 s left"), lines);
    }
}
