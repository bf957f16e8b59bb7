package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TeamTest {

    /// Members that never slept, and members that fall asleep at any moment between two runs.
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7})
    void everyMemberRunsEveryTaskOnceBeforeTheNext(int size) {
        try (var team = new Team(size)) {
            var runs = new AtomicIntegerArray(size);
            for (int i = 1; i <= 1_000; i++) {
                int expected = i;
                team.run(member -> assertEquals(expected, runs.incrementAndGet(member)));
                for (int member = 0; member < size; member++) {
                    assertEquals(i, runs.get(member));
                }
                if (i % 100 == 0) {
                    LockSupport.parkNanos(i * 10_000L);
                }
            }
        }
    }

    @Test
    void aFailureOfAnyMemberIsThrownOnce() {
        try (var team = new Team(3)) {
            for (int failing = 0; failing < 3; failing++) {
                int one = failing;
                var failure = new IllegalStateException("test");
                Team.Work work =
                        member -> {
                            if (member == one) {
                                throw failure;
                            }
                        };
                assertSame(
                        failure, assertThrows(IllegalStateException.class, () -> team.run(work)));
                team.run(_ -> {});
            }
        }
    }

    @Test
    void whatSeveralMembersFailWithIsNotLeftForTheNextTask() {
        try (var team = new Team(3)) {
            Team.Work work =
                    _ -> {
                        throw new IllegalStateException("test");
                    };
            assertThrows(IllegalStateException.class, () -> team.run(work));
            team.run(_ -> {});
        }
    }

    @Test
    void itemsAreDealtOutOnceEach() {
        try (var team = new Team(3)) {
            for (int count : new int[] {0, 1, 2, 3, 10}) {
                var done = new AtomicIntegerArray(count);
                team.deal(count, (_, i) -> done.incrementAndGet(i));
                for (int i = 0; i < count; i++) {
                    assertEquals(1, done.get(i));
                }
            }
        }
    }

    @Test
    void rowsAreSharedOutInWholeGrains() {
        try (var team = new Team(2)) {
            assertEquals(0, team.first(0, 100, 16));
            assertEquals(48, team.first(1, 100, 16));
            assertEquals(100, team.first(2, 100, 16));
        }
    }
}
