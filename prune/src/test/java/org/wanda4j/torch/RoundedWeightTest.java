package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.quantize.NearestPacking;

class RoundedWeightTest {

    static {
        NativeLibraries.load();
    }

    @TempDir private Path directory;

    @ParameterizedTest
    @EnumSource(names = {"INT8", "INT4"})
    void theValuesAreThoseOfThePackedMatrix(ValueType values) {
        Path packed = directory.resolve("packed");
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama());
                var output = OutputDirectory.claim(packed, model.directory(), false)) {
            NearestPacking.pack(model, values, values, Map.of(), output, _ -> {});
        }
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama());
                Checkpoint reference = Checkpoint.open(packed);
                Arena memory = Arena.ofShared()) {
            for (Linear linear : Families.describe(model).blocks().getFirst().linears()) {
                TensorView weight = model.map(linear.weight(), memory);
                TensorView current = rounded(weight, values, memory).current(memory);
                // As a packed matrix is read: each product of number and scale as a bf16.
                assertEquals(
                        -1,
                        Rounding.to(DType.BF16, current, memory)
                                .data()
                                .mismatch(reference.map(linear.weight(), memory).data()),
                        linear.name());
                assertNotEquals(
                        -1, current.data().mismatch(Rounding.to(DType.F32, weight, memory).data()));
            }
        }
    }

    @Test
    void whatIsTrainedStaysExactAndHasTheGradientOfTheRoundedWeight() {
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama());
                Arena memory = Arena.ofShared();
                var _ = new PointerScope()) {
            Linear linear = Families.describe(model).blocks().getFirst().linears().getFirst();
            TensorView weight = model.map(linear.weight(), memory);
            RoundedWeight rounded = rounded(weight, ValueType.INT4, memory);
            TensorView exact = Rounding.to(DType.F32, weight, memory);
            rounded.current(memory);
            assertEquals(-1, exact.data().mismatch(rounded.exact(memory).data()));
            Tensor gradient = Tensors.over(exact);
            assertEquals(List.of(gradient), rounded.gradients(gradient));
        }
    }

    private static RoundedWeight rounded(TensorView weight, ValueType values, Arena memory) {
        TensorView exact = Rounding.to(DType.F32, weight, memory);
        return new RoundedWeight(
                new WholeWeight(new Variable(exact, false, Device.HOST, memory)),
                weight.type(),
                values);
    }
}
