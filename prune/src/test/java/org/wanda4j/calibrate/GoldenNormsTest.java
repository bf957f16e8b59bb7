package org.wanda4j.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.wanda4j.SharedFiles;
import org.wanda4j.SmolLm2;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.Safetensors;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.Methods;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;

/// Input norms against those of the reference implementation, block after pruned block.
class GoldenNormsTest {

    private static final double RELATIVE = 1e-4;

    @Test
    void everyBlockOfTinyLlamaSeesTheReferencesNorms() {
        check(
                SharedFiles.tinyLlama(),
                Path.of("src/test/resources/golden/tiny/wanda50.scaler_row.safetensors"),
                128,
                6);
    }

    @Test
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void theFirstBlocksOfSmolLm2SeeTheReferencesNorms() {
        check(
                SmolLm2.directory(),
                SharedFiles.shared("golden/smollm2/wanda50.scaler_row.safetensors"),
                256,
                2);
    }

    private static void check(Path model, Path golden, int seqlen, int blocks) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Safetensors expected = Safetensors.open(golden);
                Tokenizer tokenizer = Tokenizer.open(model);
                Engine engine = new Engine(ComputeType.FP32, 2);
                var scratch = new ScratchDirectory()) {
            Windows windows =
                    CalibrationSampler.REFERENCE.sample(
                            Corpus.bundledCalibration(), tokenizer, 128, seqlen, 0);
            Architecture architecture = Families.describe(checkpoint);
            ScratchSpace space = RunSettings.defaults().scratch(scratch.path());
            var forward = new LayerwiseForward(checkpoint, architecture, engine, space, seqlen);
            try (ActivationStore store = forward.embedded(windows, false);
                    BlockSequence sequence = forward.blocks()) {
                for (int i = 0; i < blocks; i++) {
                    try (LoadedBlock block = sequence.next()) {
                        check(forward, block, store, expected);
                    }
                }
            }
        }
    }

    private static void check(
            LayerwiseForward forward,
            LoadedBlock block,
            ActivationStore store,
            Safetensors expected) {
        var pass =
                new BlockPass(
                        forward.engine(),
                        block.torch(),
                        store,
                        CalibrationOrder.BLOCK,
                        BlockPass.Wanted.of(Statistic.INPUT_NORMS),
                        Progress.NONE);
        try (StageStatistics statistics = pass.collect(pass.rounds().getFirst())) {
            statistics
                    .byStage()
                    .forEach((stage, inputs) -> {
                        for (Linear linear : stage.linears()) {
                            assertNorms(linear, inputs, expected);
                            TensorView weight =
                                    forward.checkpoint().map(linear.weight(), block.memory());
                            block.torch().replace(linear, half(weight, inputs, block.memory()));
                        }
                    });
        }
        pass.complete();
    }

    private static void assertNorms(
            Linear linear, InputStatistics statistics, Safetensors expected) {
        try (Arena memory = Arena.ofConfined()) {
            float[] squares =
                    expected.tensors().stream()
                            .filter(tensor -> tensor.name().equals(linear.name() + ".scaler_row"))
                            .map(tensor ->
                                    expected.map(tensor, memory)
                                            .data()
                                            .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
                            .findFirst()
                            .orElseThrow();
            assertEquals(squares.length, statistics.norms().length);
            for (int j = 0; j < squares.length; j++) {
                double norm = Math.sqrt(squares[j]);
                double actual = statistics.norms()[j];
                assertTrue(
                        Math.abs(actual - norm) <= RELATIVE * norm,
                        linear.name() + " channel " + j + ": " + actual + ", expected " + norm);
            }
        }
    }

    /// The weight without its lower half of each row by Wanda's score.
    private static TensorView half(TensorView weight, InputStatistics statistics, Arena memory) {
        var wanda = Methods.named("wanda");
        Mask mask =
                wanda.selection()
                        .select(
                                wanda.importance().score(weight, statistics),
                                new SparsityPattern.Unstructured(0.5),
                                1);
        MemorySegment data = memory.allocate(weight.data().byteSize(), 64).copyFrom(weight.data());
        for (int row = 0; row < mask.rows(); row++) {
            for (int column = 0; column < mask.columns(); column++) {
                if (mask.get(row, column)) {
                    data.set(
                            ValueLayout.JAVA_SHORT,
                            2 * ((long) row * mask.columns() + column),
                            (short) 0);
                }
            }
        }
        return new TensorView(weight.name(), weight.type(), weight.shape(), data);
    }
}
