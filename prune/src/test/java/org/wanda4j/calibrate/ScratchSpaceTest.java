package org.wanda4j.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.checkpoint.InvalidInputException;

/// Memory that is a file where there would be too much of it.
class ScratchSpaceTest {

    private static final int[] SIZES = {1, 100, 4095, 4096, 4097, 1 << 20, (1 << 20) + 1};

    @TempDir private Path directory;

    @Test
    void whatFitsLiesInMemoryAndMoreInAFile() {
        var scratch = new ScratchSpace(1000, directory);
        try (Arena small = scratch.arena(1000);
                Arena large = scratch.arena(1001)) {
            assertFalse(small instanceof MappedArena);
            assertInstanceOf(MappedArena.class, large);
        }
    }

    @Test
    void segmentsOfAFileAreZeroAndAlignedAndDoNotOverlap() {
        try (Arena arena = new MappedArena(directory)) {
            List<MemorySegment> segments = new ArrayList<>();
            for (int size : SIZES) {
                MemorySegment segment = arena.allocate(size, 64);
                assertEquals(size, segment.byteSize());
                assertEquals(0, segment.address() % 64);
                assertTrue(
                        segment.elements(ValueLayout.JAVA_BYTE)
                                .allMatch(each -> each.get(ValueLayout.JAVA_BYTE, 0) == 0));
                segment.fill((byte) size);
                segments.add(segment);
            }
            for (MemorySegment segment : segments) {
                byte value = (byte) segment.byteSize();
                assertTrue(
                        segment.elements(ValueLayout.JAVA_BYTE)
                                .allMatch(each -> each.get(ValueLayout.JAVA_BYTE, 0) == value));
            }
        }
    }

    @Test
    void theFileVanishesWithItsArena() throws IOException {
        try (Arena arena = new MappedArena(directory)) {
            arena.allocate(1 << 16, 64);
        }
        try (Stream<Path> left = Files.list(directory)) {
            assertFalse(left.findAny().isPresent());
        }
    }

    @Test
    void moreThanTheDiskHasIsRefusedAsAnIoFailure() {
        try (Arena arena = new MappedArena(directory)) {
            var refusal =
                    assertThrows(InvalidInputException.class, () -> arena.allocate(1L << 60, 64));
            assertTrue(refusal.getMessage().contains(directory.toString()), refusal.getMessage());
            // So that the blocks that are done are kept.
            assertInstanceOf(IOException.class, refusal.getCause());
        }
    }
}
