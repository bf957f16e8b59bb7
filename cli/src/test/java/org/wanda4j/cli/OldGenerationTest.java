package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class OldGenerationTest {

    private static final long HEAP = 1L << 30;

    /// A process whose objects live as long as 300 others.
    static final class Requests {

        private static final int AT_ONCE = 300;
        private static final int OBJECTS = 360;
        private static final int COLLECTIONS = 3;

        private Requests() {}

        /// Goes on until the old generation was collected a few times; prints the most that it held.
        public static void main(String[] args) {
            OldGeneration.limitGarbage();
            MemoryPoolMXBean old =
                    ManagementFactory.getMemoryPoolMXBeans().stream()
                            .filter(pool -> pool.getName().equals("Tenured Gen"))
                            .findFirst()
                            .orElseThrow();
            Deque<byte[][]> running = new ArrayDeque<>();
            while (collections() < COLLECTIONS) {
                byte[][] request = new byte[OBJECTS][];
                for (int i = 0; i < request.length; i++) {
                    request[i] = new byte[100];
                }
                running.add(request);
                if (running.size() > AT_ONCE) {
                    running.remove();
                }
            }
            System.out.println(old.getPeakUsage().getUsed());
        }

        private static long collections() {
            return ManagementFactory.getGarbageCollectorMXBeans().stream()
                    .filter(collector -> collector.getName().equals("MarkSweepCompact"))
                    .mapToLong(collector -> collector.getCollectionCount())
                    .sum();
        }
    }

    @Test
    @Timeout(600)
    void garbageOfWhatLivedLongIsCollectedBeforeTheHeapIsFull() throws Exception {
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-XX:+UseSerialGC",
                                "-Xms32m",
                                "-Xmx1g",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Requests.class.getName())
                        .redirectErrorStream(true)
                        .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        assertTrue(Long.parseLong(output.strip()) < HEAP / 2, output);
    }
}
