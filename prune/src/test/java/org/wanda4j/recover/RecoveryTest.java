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
        double usual = of(scope, length, Optional.empty()).rate(1, MANY);
        assertEquals(
                usual / 5, of(scope, length, Optional.of(ValueType.INT4)).rate(1, MANY), 1e-12);
    }

    @Test
    void stepsAreAsLargeAsTheWayToTheTeacherAndTheirNumberAsk() {
        Recovery all = lasting(new Length.Minutes(1));
        double rate = all.rate(0.8, MANY);
        assertEquals(rate / 8, all.rate(0.1, MANY), 1e-12);
        assertEquals(2 * rate, all.rate(0.8, Optional.empty()), 1e-12); // as of 16
        assertEquals(rate, all.rate(0.8, Optional.of(1000)));
        assertEquals(2 * rate, all.rate(0.8, Optional.of(16)), 1e-12);
        assertEquals(all.rate(4, MANY), all.rate(5, MANY));
        Recovery rounded = of(new Scope.All(), new Length.Minutes(1), Optional.of(ValueType.INT8));
        assertEquals(new Scope.All().learningRate() / 5, rounded.rate(0.8, MANY), 1e-12);
        assertEquals(all.rate(0.02, MANY), rounded.rate(0.02, MANY));
        Recovery norms = of(new Scope.Norms(), new Length.Minutes(1), Optional.empty());
        assertEquals(norms.rate(0.7, MANY), norms.rate(0.1, Optional.of(9)));
    }
}
