package org.wanda4j.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.WordModel;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;

/// Every golden checkpoint of a family loses the weights that it should, wherever its linears lie in its tensors, and no
/// others.
class FamilyPruningTest {

    @TempDir private Path directory;

    static List<Path> cases() {
        return GoldenFamilies.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void halfOfEachRowGoesAndNothingElseChanges(Path golden) throws IOException {
        check(golden, "wanda", new Unstructured(0.5), true);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void twoOfEachFourGoAndNothingElseChanges(Path golden) throws IOException {
        check(golden, "wanda", new NofM(2, 4), true);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void sparseGptUpdatesWhatStays(Path golden) throws IOException {
        check(golden, "sparsegpt", new Unstructured(0.5), false);
    }

    private void check(Path golden, String method, SparsityPattern pattern, boolean keepsValues)
            throws IOException {
        Path source = WordModel.of(golden, directory);
        Path output = directory.resolve("out");
        prune(source, output, method, pattern);
        try (Checkpoint before = Checkpoint.open(source);
                Checkpoint after = Checkpoint.open(output);
                Arena memory = Arena.ofConfined()) {
            Architecture architecture = Families.describe(before);
            Map<String, boolean[]> ofLinears = new HashMap<>();
            for (Linear linear : architecture.linears()) {
                TensorView dense = before.map(linear.weight(), memory);
                TensorView pruned = after.map(linear.weight(), memory);
                checkZeros(linear, dense, pruned, pattern, method);
                if (keepsValues) {
                    checkValues(linear, dense, pruned);
                }
                mark(ofLinears, before.info(linear.weight().tensor()), linear);
            }
            checkRest(before, after, ofLinears, memory);
        }
    }

    private static void prune(Path source, Path output, String method, SparsityPattern pattern)
            throws IOException {
        Path text = Files.writeString(output.resolveSibling("text.txt"), WordModel.text(400, 7));
        Recipe recipe =
                Recipe.DEFAULT
                        .withMethod(method)
                        .withPattern(pattern)
                        .withSampling(
                                new Recipe.Sampling(
                                        CalibrationSampler.PACKED, 8, OptionalInt.of(16), 0));
        try (Checkpoint model = Checkpoint.open(source)) {
            Pruner.prune(model, recipe, Corpus.open(text), output, false, RunSettings.defaults());
        }
    }

    private static void checkZeros(
            Linear linear,
            TensorView dense,
            TensorView pruned,
            SparsityPattern pattern,
            String method) {
        long zeros = 0;
        for (int row = 0; row < pruned.rows(); row++) {
            int inRow = 0;
            for (int column = 0; column < pruned.columns(); column++) {
                inRow += value(pruned, row, column) == 0 ? 1 : 0;
            }
            zeros += inRow;
            if (method.equals("wanda")) {
                assertEquals(pruned.columns() / 2, inRow, linear.name() + " row " + row);
            }
        }
        double sparsity = zeros / (double) linear.weights();
        assertEquals(0.5, sparsity, 0.02, linear.name());
        assertEquals(dense.shape(), pruned.shape());
        if (pattern instanceof NofM) {
            for (int row = 0; row < pruned.rows(); row++) {
                for (int column = 0; column < pruned.columns(); column += 4) {
                    int inRun = 0;
                    for (int i = 0; i < 4; i++) {
                        inRun += value(pruned, row, column + i) == 0 ? 1 : 0;
                    }
                    assertEquals(2, inRun, linear.name() + " row " + row + " from " + column);
                }
            }
        }
    }

    private static void checkValues(Linear linear, TensorView dense, TensorView pruned) {
        for (int row = 0; row < pruned.rows(); row++) {
            for (int column = 0; column < pruned.columns(); column++) {
                float value = value(pruned, row, column);
                assertTrue(
                        value == 0 || value == value(dense, row, column),
                        linear.name() + " has another value");
            }
        }
    }

    /// Marks the elements of a tensor that belong to a linear.
    private static void mark(Map<String, boolean[]> marks, TensorInfo tensor, Linear linear) {
        int elements = Math.toIntExact(tensor.elements());
        boolean[] marked = marks.computeIfAbsent(tensor.name(), _ -> new boolean[elements]);
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment numbers = memory.allocate(elements * 4L, 4);
            for (int i = 0; i < elements; i++) {
                numbers.setAtIndex(ValueLayout.JAVA_INT, i, i);
            }
            var whole = new TensorView(tensor.name(), DType.F32, tensor.shape(), numbers);
            MemorySegment own = linear.weight().of(whole, memory).data();
            for (long i = 0; i < linear.weights(); i++) {
                int at = own.getAtIndex(ValueLayout.JAVA_INT, i);
                assertTrue(!marked[at], linear.name() + " shares a weight with another linear");
                marked[at] = true;
            }
        }
    }

    private static void checkRest(
            Checkpoint before, Checkpoint after, Map<String, boolean[]> ofLinears, Arena memory) {
        Set<String> names = new HashSet<>();
        for (TensorInfo tensor : before.tensors()) {
            names.add(tensor.name());
            MemorySegment dense = before.map(tensor.name(), memory).data();
            MemorySegment pruned = after.map(tensor.name(), memory).data();
            boolean[] marked = ofLinears.get(tensor.name());
            if (marked == null) {
                assertEquals(-1, dense.mismatch(pruned), tensor.name());
                continue;
            }
            long bytes = tensor.type().bytes();
            for (int i = 0; i < marked.length; i++) {
                if (!marked[i]) {
                    assertEquals(
                            -1,
                            dense.asSlice(i * bytes, bytes)
                                    .mismatch(pruned.asSlice(i * bytes, bytes)),
                            tensor.name());
                }
            }
        }
        assertEquals(names, Set.copyOf(after.tensors().stream().map(TensorInfo::name).toList()));
    }

    private static float value(TensorView matrix, int row, int column) {
        return matrix.type().get(matrix.data(), (long) row * matrix.columns() + column);
    }
}
