package org.wanda4j.tune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.report.PruneReport.TuneReport;
import org.wanda4j.sparse.Mask;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Rounding;
import org.wanda4j.torch.TorchBlock;

/// A block of a small model that lost every third weight, and one more by rounding, on random hidden states.
class BlockTunerTest {

    private static final Path MODEL = Path.of("src/test/resources/families/llama3");
    private static final int WINDOWS = 256;
    private static final int LENGTH = 16;

    /// A tenth of them.
    private static final int HELD_OUT = 26;

    private static final Tuning TUNING = new Tuning(3, 1e-3);

    @TempDir private Path scratch;

    private Device device = Device.HOST;

    private final Map<MatrixView, Mask> masks = new HashMap<>();
    private final Map<MatrixView, TensorView> pruned = new HashMap<>();
    private final Map<MatrixView, TensorView> best = new HashMap<>();

    @Test
    void theErrorThatIsReportedIsThatOfTheBestWeightsOnWindowsThatAreHeldOut() {
        tune((block, inputs, targets, report) -> {
            assertTrue(report.errorAfter() < report.errorBefore(), report.toString());
            assertEquals(
                    report.errorBefore(),
                    error(block, pruned::get, inputs, targets),
                    1e-4 * report.errorBefore());
            assertEquals(
                    report.errorAfter(),
                    error(block, best::get, inputs, targets),
                    1e-4 * report.errorAfter());
        });
    }

    @Test
    void whatWasRemovedStaysZeroAndASurvivorThatIsZeroIsTrained() {
        tune((block, _, _, _) -> {
            for (Linear linear : block.linears()) {
                TensorView weight = best.get(linear.weight());
                Mask mask = masks.get(linear.weight());
                for (int row = 0; row < mask.rows(); row++) {
                    for (int column = 0; column < mask.columns(); column++) {
                        if (mask.get(row, column)) {
                            assertEquals(0, weight.type().get(weight.row(row), column));
                        }
                    }
                }
                assertFalse(mask.get(0, 0));
                assertEquals(0, pruned.get(linear.weight()).data().get(ValueLayout.JAVA_FLOAT, 0));
                assertNotEquals(0, weight.data().get(ValueLayout.JAVA_FLOAT, 0), linear.name());
            }
        });
    }

    @Test
    void aDeviceComesToTheSameErrorsToRounding() {
        List<TuneReport> reports = new ArrayList<>();
        for (Device each : List.of(Device.HOST, Device.EMULATED)) {
            device = each;
            pruned.clear();
            best.clear();
            tune((_, _, _, report) -> reports.add(report));
        }
        TuneReport here = reports.getFirst();
        TuneReport there = reports.getLast();
        assertEquals(here.errorBefore(), there.errorBefore(), 1e-4 * here.errorBefore());
        assertEquals(here.errorAfter(), there.errorAfter(), 1e-3 * here.errorAfter());
    }

    private interface Check {
        void check(
                Block block,
                ActivationStore inputs,
                List<ActivationStore> targets,
                TuneReport report);
    }

    private void tune(Check check) {
        try (Checkpoint model = Checkpoint.open(MODEL);
                Arena memory = Arena.ofShared();
                Engine engine = new Engine(ComputeType.FP32, 2, device)) {
            Architecture architecture = Families.describe(model);
            Block block = architecture.blocks().getFirst();
            for (Linear linear : block.linears()) {
                prune(linear, model, memory);
            }
            Function<MatrixView, TensorView> source =
                    view ->
                            pruned.computeIfAbsent(
                                    view,
                                    each ->
                                            Rounding.to(
                                                    DType.F32, model.map(each, memory), memory));
            var layout =
                    new ActivationStore.Layout(
                            WINDOWS,
                            LENGTH,
                            architecture.hidden(),
                            TorchBlock.stageWidth(architecture),
                            false,
                            ComputeType.FP32);
            try (var inputs =
                    new ActivationStore(
                            layout, new ScratchSpace(Long.MAX_VALUE, scratch), device)) {
                fill(inputs.room());
                inputs.restore();
                try (ActivationStore middle = inputs.copy();
                        ActivationStore end = inputs.copy()) {
                    Function<MatrixView, TensorView> dense = view -> model.map(view, memory);
                    forward(engine, Block.sequential(block.branches().getFirst()), dense, middle);
                    forward(engine, block, dense, end);
                    List<ActivationStore> targets = List.of(middle, end);
                    TuneReport report =
                            new BlockTuner(engine, inputs, targets, Progress.NONE)
                                    .tune(block, source, _ -> true, masks, TUNING, 0, best, memory);
                    check.check(block, inputs, targets, report);
                }
            }
        }
    }

    private void prune(Linear linear, Checkpoint model, Arena memory) {
        TensorView weight = Rounding.to(DType.F32, model.map(linear.weight(), memory), memory);
        Mask mask = new Mask(linear.outputs(), linear.inputs());
        for (int row = 0; row < mask.rows(); row++) {
            for (int column = (row + 1) % 3; column < mask.columns(); column += 3) {
                mask.set(row, column);
                weight.row(row).setAtIndex(ValueLayout.JAVA_FLOAT, column, 0);
            }
        }
        weight.row(0).setAtIndex(ValueLayout.JAVA_FLOAT, 0, 0);
        masks.put(linear.weight(), mask);
        pruned.put(linear.weight(), weight);
    }

    private static void fill(MemorySegment states) {
        var random = new Random(1);
        for (long i = 0; i < states.byteSize() / Float.BYTES; i++) {
            states.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
    }

    private static void forward(
            Engine engine,
            Block block,
            Function<MatrixView, TensorView> source,
            ActivationStore store) {
        try (var torch = new TorchBlock(block, source, engine.type(), LENGTH)) {
            store.forward(engine, torch, Progress.NONE);
        }
    }

    /// The mean of that behind the attention and that behind the block.
    private static double error(
            Block block,
            Function<MatrixView, TensorView> source,
            ActivationStore inputs,
            List<ActivationStore> targets) {
        Block attention = Block.sequential(block.branches().getFirst());
        return (error(attention, source, inputs, targets.getFirst())
                        + error(block, source, inputs, targets.getLast()))
                / 2;
    }

    /// Over the windows that are held out: squared differences, a token's in units of its target's mean square.
    private static double error(
            Block block,
            Function<MatrixView, TensorView> source,
            ActivationStore inputs,
            ActivationStore targets) {
        try (Engine engine = new Engine(ComputeType.FP32, 1);
                ActivationStore outputs = inputs.copy()) {
            forward(engine, block, source, outputs);
            int hidden = outputs.layout().hidden();
            long first = (long) (WINDOWS - HELD_OUT) * LENGTH;
            long tokens = (long) WINDOWS * LENGTH;
            double sum = 0;
            for (long token = first; token < tokens; token++) {
                double difference = 0;
                double size = 0;
                for (long i = token * hidden; i < (token + 1) * hidden; i++) {
                    double target = targets.states().getAtIndex(ValueLayout.JAVA_FLOAT, i);
                    double output = outputs.states().getAtIndex(ValueLayout.JAVA_FLOAT, i);
                    difference += (output - target) * (output - target);
                    size += target * target / hidden;
                }
                sum += difference / size;
            }
            return sum / ((tokens - first) * hidden);
        }
    }
}
