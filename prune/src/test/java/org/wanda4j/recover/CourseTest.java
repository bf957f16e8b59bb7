package org.wanda4j.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.report.RecoverReport.HeldOut;

class CourseTest {

    private static final int STEPS = 100;

    private static Course course(
            Recovery recovery, Optional<Double> exactLoss, Optional<Integer> steps) {
        return new Course(
                recovery,
                exactLoss,
                List.of(new HeldOut(0, 1.0), new HeldOut(60, 0.7), new HeldOut(80, 0.6)),
                steps);
    }

    private static Course course(Optional<Double> exactLoss) {
        return course(Recovery.DEFAULT, exactLoss, Optional.of(STEPS));
    }

    @Test
    void theRateRisesInALineAndFallsAlongHalfACosine() {
        Course course = course(Optional.empty());
        double peak = Recovery.DEFAULT.rate(1.0, Optional.of(STEPS), false);
        for (int step = 0; step < Course.WARM_UP; step++) {
            assertEquals(peak * (step + 1) / 8, course.rate(step), 1e-12);
        }
        double middle = (Course.WARM_UP + STEPS - 1) / 2.0;
        assertEquals(
                peak,
                course.rate((int) Math.floor(middle)) + course.rate((int) Math.ceil(middle)),
                1e-12);
        assertTrue(course.rate(STEPS - 1) > 0 && course.rate(STEPS - 1) < 1e-2 * peak);
        assertFalse(course.rounds(STEPS - 1));
    }

    @ParameterizedTest
    @CsvSource({"0.6, 60", "0.95, 80", "0.24, 0", "0, 0"})
    void whatPruningLostIsLearntBeforeWeightsAreRounded(double exactLoss, int exact) {
        Course course = course(Optional.of(exactLoss));
        assertEquals(exact, course.exact());
        assertEquals(
                STEPS - exact, IntStream.range(0, STEPS).filter(course::rounds).count(), "rounded");
    }

    @Test
    void eachPartHasItsOwnRate() {
        Course course = course(Optional.of(0.6));
        double exact = Recovery.DEFAULT.rate(0.6, Optional.of(60), false);
        double rounded = Recovery.DEFAULT.rate(0.7, Optional.of(40), true);
        assertEquals(
                Recovery.DEFAULT.rate(0.6, Optional.empty(), false),
                course.rate(Course.WARM_UP - 1),
                1e-12);
        assertTrue(course.rate(59) < 1e-2 * exact);
        assertEquals(rounded / 8, course.rate(60), 1e-12);
        assertEquals(rounded, course.rate(60 + Course.WARM_UP - 1), 1e-12);
        assertEquals(exact, course.peak());
    }

    @ParameterizedTest
    @CsvSource({"0.6, true", "0, true", "-1, false"})
    void theFirstStepsDoNotDependOnHowManyThereAre(double exactLoss, boolean rounds) {
        Optional<Double> exact = Optional.of(exactLoss).filter(_ -> rounds);
        Course known = course(exact);
        Course unknown = course(Recovery.DEFAULT, exact, Optional.empty());
        for (int step = 0; step < Course.WARM_UP; step++) {
            assertEquals(known.rate(step), unknown.rate(step));
            assertEquals(known.rounds(step), unknown.rounds(step));
        }
    }

    @Test
    void theUsersRateIsThatOfTheFirstPart() {
        Recovery base = Recovery.DEFAULT;
        var recovery =
                new Recovery(
                        base.scope(),
                        base.objective(),
                        base.length(),
                        OptionalDouble.of(3e-4),
                        base.seqlen(),
                        base.seed(),
                        base.values(),
                        base.type());
        Course both = course(recovery, Optional.of(0.6), Optional.of(STEPS));
        assertEquals(3e-4, both.rate(Course.WARM_UP - 1), 1e-12);
        assertEquals(
                base.usualRate(0.7, Optional.of(40), true),
                both.rate(60 + Course.WARM_UP - 1),
                1e-12);
        Course rounded = course(recovery, Optional.of(0.0), Optional.of(STEPS));
        assertEquals(3e-4, rounded.rate(Course.WARM_UP - 1), 1e-12);
    }
}
