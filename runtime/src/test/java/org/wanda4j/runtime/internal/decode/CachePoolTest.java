package org.wanda4j.runtime.internal.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;

class CachePoolTest {

    private static final Architecture TINY = architecture();

    /// Six blocks of two heads of 32 keys and values in bf16.
    private static final long PAGE = 6L * 2 * 2 * 32 * 2 * CachePool.POSITIONS;

    private static Architecture architecture() {
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            return Families.describe(checkpoint);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 100, 2000})
    void memoryIsTheSystemsAgainWhenAllPagesAreGivenBack(int count) {
        try (var pool = new CachePool(TINY, 2000 * PAGE)) {
            for (int round = 0; round < 2; round++) {
                List<CachePool.Page> pages = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    pages.add(pool.take().orElseThrow());
                    assertTrue(pool.heldBytes() <= 2 * pool.takenBytes(), "after " + i);
                }
                assertEquals(count * PAGE, pool.takenBytes());
                pages.reversed().forEach(pool::giveBack);
                assertEquals(0, pool.takenBytes());
                assertEquals(0, pool.heldBytes());
            }
        }
    }

    @Test
    void thereIsNoPageBeyondTheLimit() {
        try (var pool = new CachePool(TINY, 6 * PAGE - 1)) {
            assertEquals(5 * CachePool.POSITIONS, pool.mostPositions());
            List<CachePool.Page> pages = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                pages.add(pool.take().orElseThrow());
            }
            assertEquals(Optional.empty(), pool.take());
            assertEquals(5 * PAGE, pool.heldBytes());
            pool.giveBack(pages.getFirst());
            assertTrue(pool.take().isPresent());
            assertEquals(0, pool.freePages());
        }
    }

    @Test
    void aTextThatFindsNoRoomTakesNone() {
        try (var pool = new CachePool(TINY, 3 * PAGE);
                var text = new Sequence(pool)) {
            assertFalse(text.reserve(3 * CachePool.POSITIONS + 1));
            assertEquals(0, pool.takenBytes());
            assertTrue(text.reserve(2 * CachePool.POSITIONS));
            text.append(2 * CachePool.POSITIONS);
            assertTrue(text.copy(2 * CachePool.POSITIONS).isEmpty());
            assertEquals(2 * PAGE, pool.takenBytes());
        }
    }
}
