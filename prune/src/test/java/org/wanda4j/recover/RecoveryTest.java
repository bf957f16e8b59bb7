package org.wanda4j.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.recover.Recovery.Length;
import org.wanda4j.recover.Recovery.Scope;

class RecoveryTest {

    private static final Optional<Integer> MANY = Optional.of(64);

    private static Recovery of(Scope scope, Length length, Optional<ValueType> values) {
        return new Recovery(
                scope,
                Recovery.DEFAULT.objective(),
                length,
                OptionalDouble.empty(),
                OptionalInt.empty(),
                0,
                values,
                Optional.empty());
    }

    private static Recovery lasting(Length length) {
        return of(new Scope.All(), length, Optional.empty());
    }

    @ParameterizedTest
    @CsvSource({"15, 120, 13", "15, 0, 15", "15, 900, 1", "2, 7200, 1"})
    void ofATotalTimeThatIsLeftWhichPruningDidNotTake(
            double total, double seconds, double minutes) {
        Recovery left = lasting(new Length.Total(total)).after(seconds);
        assertEquals(OptionalDouble.of(minutes), left.minutes());
        assertEquals(left, left.after(300));
    }

    @Test
    void noOtherLengthDependsOnPruning() {
        for (Length length : new Length[] {new Length.Minutes(3), new Length.Tokens(1000)}) {
            assertEquals(length, lasting(length).after(120).length());
        }
    }

    @Test
    void aRecoveryByItselfHasTheTotalTime() {
        Architecture model = Families.describe(SharedFiles.tinyLlama());
        assertEquals(OptionalDouble.of(15), lasting(new Length.Total(15)).resolve(model).minutes());
    }

    @Test
    void roundedWeightsAreTrainedBySmallerSteps() {
        Scope scope = new Scope.LowRank(4, 8);
        Length length = new Length.Minutes(1);
        Recovery recovery = of(scope, length, Optional.of(ValueType.INT4));
        double usual = recovery.rate(1, MANY, false);
        assertEquals(usual / 5, recovery.rate(1, MANY, true), 1e-12);
    }

    @Test
    void stepsAreAsLargeAsTheWayToTheTeacherAndTheirNumberAsk() {
        Recovery all = lasting(new Length.Minutes(1));
        double rate = all.rate(0.8, MANY, false);
        assertEquals(rate / 8, all.rate(0.1, MANY, false), 1e-12);
        assertEquals(rate, all.rate(0.8, Optional.empty(), false));
        assertEquals(rate, all.rate(0.8, Optional.of(1000), false));
        assertEquals(2 * rate, all.rate(0.8, Optional.of(16), false), 1e-12);
        assertEquals(all.rate(4, MANY, false), all.rate(5, MANY, false));
        assertEquals(new Scope.All().learningRate() / 5, all.rate(0.8, MANY, true), 1e-12);
        assertEquals(all.rate(0.02, MANY, false), all.rate(0.02, MANY, true));
        Recovery norms = of(new Scope.Norms(), new Length.Minutes(1), Optional.empty());
        assertEquals(norms.rate(0.7, MANY, false), norms.rate(0.1, Optional.of(9), false));
    }
}
