package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.Expected;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.Packer;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;

/// What lies in packed tensors of every layout: rows of a fused one, interleaved ones, a transpose, slices of a 3-D one.
class PackedForwardTest {

    @TempDir private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"llama2", "phi3", "gpt_neox", "gpt2", "granitemoe"})
    void aPackedModelComputesWhatItUnpacksTo(String family) {
        Path model = GoldenFamilies.of(family);
        Path packed = directory.resolve("packed");
        Path unpacked = directory.resolve("unpacked");
        try (Checkpoint source = Checkpoint.open(model);
                var output = OutputDirectory.claim(packed, model, false)) {
            Architecture architecture = Families.describe(source);
            List<MatrixView> linears = architecture.linears().stream().map(Linear::weight).toList();
            Set<String> tables = Set.copyOf(architecture.tables());
            Packer.pack(source, linears, tables, ValueType.INT8, output, _ -> {});
        }
        try (Checkpoint source = Checkpoint.open(packed);
                var output = OutputDirectory.claim(unpacked, packed, false)) {
            Packer.unpack(source, output, _ -> {});
        }
        assertArrayEquals(logits(unpacked, model), logits(packed, model));
    }

    private static float[] logits(Path checkpoint, Path family) {
        try (var expected = new Expected(family.resolve("expected.safetensors"));
                Checkpoint open = Checkpoint.open(checkpoint)) {
            return ForwardPass.of(open, expected.windows("ids"), ComputeType.FP32).logits();
        }
    }
}
