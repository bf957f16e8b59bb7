package org.wanda4j.cli;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryNotificationInfo;
import java.lang.management.MemoryPoolMXBean;
import javax.management.NotificationEmitter;

/// Keeps garbage from filling the old generation of a process that runs for weeks.
///
/// The serial collector collects the old generation only when the whole heap is full. Objects that live as long as a request survive a
/// few collections of the young generation, so that a server that needs a few megabytes would grow to the whole
/// heap. The parallel collector and G1 let both generations grow under the same load.
final class OldGeneration {

    private static final String OF_SERIAL = "Tenured Gen";
    private static final long GARBAGE = 16L << 20;

    private OldGeneration() {}

    /// Has the old generation collected whenever it holds more than twice of what the last collection left, and 16 MB. Does
    /// nothing where another collector than the serial one runs.
    static void limitGarbage() {
        ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getName().equals(OF_SERIAL))
                .forEach(OldGeneration::limitGarbage);
    }

    private static void limitGarbage(MemoryPoolMXBean pool) {
        allow(pool);
        var memory = (NotificationEmitter) ManagementFactory.getMemoryMXBean();
        memory.addNotificationListener(
                (_, _) -> {
                    System.gc();
                    allow(pool);
                },
                event -> event.getType().equals(MemoryNotificationInfo.MEMORY_THRESHOLD_EXCEEDED),
                null);
    }

    private static void allow(MemoryPoolMXBean pool) {
        var usage = pool.getUsage();
        pool.setUsageThreshold(Math.min(usage.getMax(), 2 * usage.getUsed() + GARBAGE));
    }
}
