package org.wanda4j.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.OptionalDouble;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.compare.LossCurve.Point;

/// What is predicted from a few measurements, and what is the best of that within a budget.
class ForecastTest {

    private static final long WEIGHTS = 100_000_000;

    @Property
    void aCurveThroughPointsOfAPowerIsThatPower(
            @ForAll @DoubleRange(min = 1, max = 5) double coefficient,
            @ForAll @DoubleRange(min = 1.5, max = 7) double exponent) {
        var law = new LossCurve(coefficient, exponent);
        LossCurve curve =
                LossCurve.through(
                        List.of(
                                new Point(0.3, law.at(0.3)),
                                new Point(0.5, law.at(0.5)),
                                new Point(0.6, law.at(0.6))));
        assertEquals(exponent, curve.exponent(), 1e-6);
        assertEquals(law.at(0.4), curve.at(0.4), 1e-6 * law.at(0.4));
    }

    @Test
    void aCurveGoesThroughItsOnlyPoint() {
        assertEquals(0.6, LossCurve.through(List.of(new Point(0.5, 0.6))).at(0.5), 1e-12);
    }

    /// 50 % of 100 M weights of 8 bits are 50 MB.
    @Test
    void sizesAreLinearInSparsityAndAtMostTheDenseOne() {
        Forecast forecast = forecast();
        forecast.pruned(0.5, 2, 1);
        assertEquals("60 % int8", of(forecast, ValueType.INT8, 95_500_000).name());
        assertEquals(95e6, of(forecast, ValueType.INT8, 95_500_000).bytes(), 1);
        assertEquals("50 % bf16", of(forecast, ValueType.BF16, 165_000_000).name());
        assertEquals("dense bf16", of(forecast, ValueType.BF16, 300_000_000).name());
    }

    @Test
    void theDenseModelIsChosenWhereItFits() {
        Forecast forecast = forecast();
        forecast.pruned(0.5, 2, 1);
        Estimate best = best(forecast, new Budget.Size(80_000_000));
        assertEquals("dense int4", best.name());
        assertTrue(best.measured());
        assertEquals("dense bf16", best(forecast, new Budget.Size(1_000_000_000)).name());
    }

    /// 1.3 = 2^((s / 0.5)^3.2) at s = 0.39; what is made tells more than the probe.
    @Test
    void whatWasMadeCorrectsThePrediction() {
        Forecast forecast = forecast();
        forecast.pruned(0.5, 2, 1);
        var budget = new Budget.Quality(1.35);
        Estimate first = best(forecast, budget);
        assertEquals("35 % int8", first.name());
        forecast.made(
                new Estimate(
                        ValueType.INT8, 0.35, first.bytes(), OptionalDouble.empty(), 1.1, true));
        Estimate second = best(forecast, budget);
        assertTrue(second.sparsity() > 0.4, second::name);
        assertFalse(second.measured());
        assertEquals("35 % int8", forecast.bestMeasured(budget).orElseThrow().name());
    }

    @Test
    void aGainLessensTheLossOfPruning() {
        Forecast forecast = forecast();
        forecast.pruned(0.5, 2, 0.5);
        Estimate half = of(forecast, ValueType.BF16, 165_000_000);
        assertEquals(Math.sqrt(2), half.ratio(), 1e-9);
    }

    @Test
    void speedsLieOnALineBetweenThoseThatWereMeasured() {
        Forecast forecast = forecast();
        forecast.pruned(0.5, 2, 1);
        forecast.decode(ValueType.INT8, 0, 100);
        forecast.decode(ValueType.INT8, 0.5, 125);
        forecast.decode(ValueType.INT8, 0.8, 200);
        Estimate best = best(forecast, new Budget.Decode(150));
        assertEquals("65 % int8", best.name());
        assertEquals(1 / 6.5e-3, best.decode().orElseThrow(), 1e-6);
        assertTrue(forecast.best(new Budget.Decode(201)).isEmpty());
        assertEquals("80 % int8", forecast.nearest(new Budget.Decode(300)).name());
    }

    /// Where kernels gain nothing from zeros, the dense model is the fastest, and it is not yet measured when reach is told.
    @Test
    void theDenseModelIsInReachBeforeItsQualityIsMeasured() {
        var forecast = new Forecast(WEIGHTS);
        forecast.sizes(ValueType.INT4, 79_000_000, 0.5, 65_000_000);
        forecast.decode(ValueType.INT4, 0, 300);
        forecast.decode(ValueType.INT4, 0.5, 200);
        forecast.decode(ValueType.INT4, 0.8, 250);
        assertEquals("dense int4", best(forecast, new Budget.Decode(280)).name());
        assertEquals("dense int4", forecast.nearest(new Budget.Decode(400)).name());
    }

    @Test
    void theNearestIsToldWhereNothingFits() {
        Forecast forecast = forecast();
        assertTrue(forecast.best(new Budget.Size(1_000_000)).isEmpty());
        Estimate nearest = forecast.nearest(new Budget.Size(1_000_000));
        assertEquals("80 % int4", nearest.name());
        assertFalse(Double.isFinite(nearest.ratio()));
        assertEquals("dense bf16", forecast.nearest(new Budget.Quality(0.9)).name());
    }

    private static Estimate best(Forecast forecast, Budget budget) {
        return forecast.best(budget).orElseThrow();
    }

    private static Estimate of(Forecast forecast, ValueType type, long bytes) {
        return forecast.bestOfTypes(new Budget.Size(bytes)).stream()
                .filter(each -> each.values() == type)
                .findFirst()
                .orElseThrow();
    }

    /// 100 M weights to prune beside 50 M others.
    private static Forecast forecast() {
        var forecast = new Forecast(WEIGHTS);
        add(forecast, ValueType.BF16, 300, 165, 1);
        add(forecast, ValueType.INT8, 155, 105, 1.01);
        add(forecast, ValueType.INT4, 79, 65, 1.5);
        return forecast;
    }

    private static void add(
            Forecast forecast, ValueType type, int dense, int half, double rounding) {
        long bytes = dense * 1_000_000L;
        forecast.sizes(type, bytes, 0.5, half * 1_000_000L);
        forecast.dense(new Estimate(type, 0, bytes, OptionalDouble.empty(), rounding, true));
    }
}
