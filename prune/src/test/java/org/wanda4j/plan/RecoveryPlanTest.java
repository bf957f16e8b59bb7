package org.wanda4j.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.recover.Recovery;
import org.wanda4j.recover.Recovery.Length;
import org.wanda4j.recover.Recovery.Objective;
import org.wanda4j.recover.Recovery.Scope;
import org.wanda4j.torch.ComputeType;

/// What is predicted of a recovery, against counts by hand for the tiny Llama, as in [WorkloadTest].
class RecoveryPlanTest {

    private static final long BLOCK = 2 * 192 * 192 + 2 * 64 * 192 + 3 * 192 * 512;
    private static final double HEADS = 4 * (128 * 128 + 128 * 256) * 6 * 32;

    /// Operations of a token in all blocks once, and in the head once.
    private static final double PASS = 6 * (2.0 * BLOCK + HEADS / 256);

    private static final double HEAD = 2.0 * 2048 * 192;

    /// Operations of a step of the optimiser for a token, of 8 windows of 256: three iterations for each matrix, of no more than 192
    /// rows or columns here.
    private static final double STEP =
            6 * (2 * step(192, 192) + 2 * step(64, 192) + 3 * step(192, 512)) / (8 * 256);

    private static double step(double shorter, double longer) {
        return 3 * (4 * shorter * shorter * longer + 2 * shorter * shorter * shorter);
    }

    @TempDir private Path directory;

    @Test
    void aTokenGoesThroughBothModelsAndBack() {
        assertEquals(4 * PASS + 3 * HEAD + STEP, operations(new Scope.All(), Long.MAX_VALUE), 1);
        assertEquals(3 * PASS + 3 * HEAD, operations(new Scope.Norms(), Long.MAX_VALUE));
    }

    @Test
    void whereGradientsNeedTooMuchMemoryTheStudentIsComputedTwice() {
        assertEquals(5 * PASS + 3 * HEAD, operations(new Scope.LowRank(4, 8), 0));
    }

    private static double operations(Scope scope, long memory) {
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
            ModelFootprint footprint = ModelFootprint.of(model);
            return RecoveryPlan.operationsPerToken(
                    footprint.architecture(),
                    recovery(scope, new Length.Tokens(1)).resolve(footprint.architecture()),
                    new RunSettings(2, memory, Progress.NONE));
        }
    }

    @Test
    void minutesAndTokensAreEachOthersPrediction() {
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
            RecoveryPlan plan =
                    RecoveryPlan.of(
                            ModelFootprint.of(model),
                            recovery(new Scope.All(), new Length.Minutes(2)),
                            new RunSettings(2, Long.MAX_VALUE, Progress.NONE),
                            directory);
            assertEquals(120, plan.seconds());
            assertEquals(
                    120,
                    plan.tokens() * plan.operationsPerToken() / plan.operationsPerSecond(),
                    0.1);
            // Of each of 2.4 million values four numbers.
            assertTrue(plan.bytes() > 16 * 6 * BLOCK, plan::toString);
        }
    }

    @Test
    void roundingTakesItsShareOfEachStepAndIsDoneOnceMoreInTheEnd() {
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
            RecoveryPlan plan =
                    RecoveryPlan.of(
                            ModelFootprint.of(model),
                            recovery(
                                    new Scope.All(),
                                    new Length.Minutes(2),
                                    Optional.of(ValueType.INT4)),
                            new RunSettings(2, Long.MAX_VALUE, Progress.NONE),
                            directory);
            double rounding = 6 * BLOCK / plan.roundedPerSecond();
            double steps = plan.tokens() / (8.0 * 256);
            assertEquals(
                    120,
                    plan.tokens() * plan.operationsPerToken() / plan.operationsPerSecond()
                            + (steps + 1) * rounding,
                    0.1);
            assertEquals(120, plan.seconds());
        }
    }

    private static Recovery recovery(Scope scope, Length length) {
        return recovery(scope, length, Optional.empty());
    }

    private static Recovery recovery(Scope scope, Length length, Optional<ValueType> values) {
        return new Recovery(
                scope,
                new Objective.Logits(1, 0),
                length,
                OptionalDouble.empty(),
                OptionalInt.of(256),
                0,
                values,
                Optional.of(ComputeType.FP32));
    }
}
