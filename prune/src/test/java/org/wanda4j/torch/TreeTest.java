package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.families.Families;
import org.wanda4j.text.Windows;

class TreeTest {

    private static final int CONTEXT = 6;
    private static final int BRANCH = 8;
    private static final int BRANCHES = 40;

    /// A token of a tree: 0 is the context, others are branches.
    private record Place(int branch, int position) {

        boolean sees(Place other, int window) {
            return (other.branch == 0 || other.branch == branch)
                    && other.position <= position
                    && position - other.position < window;
        }
    }

    private static List<Place> places(Tree tree) {
        List<Place> places = new ArrayList<>();
        for (int i = 0; i < tree.context(); i++) {
            places.add(new Place(0, i));
        }
        for (int branch = 0; branch < tree.branches().size(); branch++) {
            for (int i = 0; i < tree.branches().get(branch); i++) {
                places.add(new Place(branch + 1, tree.context() + i));
            }
        }
        return places;
    }

    @Test
    void aTokenSeesTheContextAndItsOwnBranch() {
        var random = new Random(1);
        for (int round = 0; round < 200; round++) {
            var tree =
                    new Tree(
                            1 + random.nextInt(9),
                            random.ints(1 + random.nextInt(5), 0, 7).boxed().toList());
            List<Place> places = places(tree);
            int from = random.nextInt(places.size());
            int count = 1 + random.nextInt(places.size() - from);
            int window = round % 2 == 0 ? Integer.MAX_VALUE : 1 + random.nextInt(8);
            int first = tree.first(from, count, window);
            float[] blocked = tree.blocked(from, count, window);
            int seen = from + count - first;
            assertEquals(count * seen, blocked.length);
            for (int i = 0; i < count; i++) {
                for (int j = 0; j < places.size(); j++) {
                    boolean open =
                            j >= first && j < from + count && blocked[i * seen + j - first] == 0;
                    assertEquals(places.get(from + i).sees(places.get(j), window), open);
                }
            }
        }
    }

    @Test
    void aSliceOfALongTreeTakesNoMoreThanItself() {
        var tree = new Tree(40_000, Collections.nCopies(1000, 20));
        float[] blocked = tree.blocked(59_990, 10, Integer.MAX_VALUE);
        assertEquals(600_000, blocked.length);
        assertEquals(0, blocked[39_999]);
        assertEquals(Float.NEGATIVE_INFINITY, blocked[40_000]);
        assertEquals(0, blocked[59_990]);
    }

    /// More tokens than one slice has.
    @ParameterizedTest
    @ValueSource(strings = {"llama2", "mistral", "qwen2-window", "opt"})
    void aBranchIsWhatItIsAlone(String family) {
        Path directory = Path.of("src/test/resources/families", family);
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            int[] ids =
                    new Random(2)
                            .ints(
                                    CONTEXT + BRANCHES * BRANCH,
                                    0,
                                    Families.describe(checkpoint).vocabulary())
                            .toArray();
            List<int[]> alone = new ArrayList<>();
            for (int branch = 0; branch < BRANCHES; branch++) {
                int[] window = Arrays.copyOf(ids, CONTEXT + BRANCH);
                System.arraycopy(ids, CONTEXT + branch * BRANCH, window, CONTEXT, BRANCH);
                alone.add(window);
            }
            var windows = new Windows(CONTEXT + BRANCH, alone);
            float[] expected = ForwardPass.of(checkpoint, windows, ComputeType.FP32).logits();
            float[] actual = logits(checkpoint, ids);
            int vocabulary = actual.length / ids.length;
            float difference = 0;
            for (int branch = 0; branch < BRANCHES; branch++) {
                for (int i = 0; i < BRANCH * vocabulary; i++) {
                    float one = actual[(CONTEXT + branch * BRANCH) * vocabulary + i];
                    int row = branch * (CONTEXT + BRANCH) + CONTEXT;
                    difference =
                            Math.max(difference, Math.abs(one - expected[row * vocabulary + i]));
                }
            }
            assertTrue(difference < 1e-4f, "largest difference " + difference);
        }
    }

    private static float[] logits(Checkpoint checkpoint, int[] ids) {
        Architecture architecture = Families.describe(checkpoint);
        var tree = new Tree(CONTEXT, Collections.nCopies(BRANCHES, BRANCH));
        int width = TorchBlock.stageWidth(architecture);
        List<float[]> logits = new ArrayList<>();
        try (Engine engine = new Engine(ComputeType.FP32, 1);
                Arena memory = Arena.ofShared();
                var embedding =
                        new TorchEmbedding(
                                architecture,
                                view -> checkpoint.map(view, memory),
                                ComputeType.FP32);
                TorchHead head =
                        new TorchHead(
                                architecture,
                                view -> checkpoint.map(view, memory),
                                ComputeType.FP32)) {
            MemorySegment hidden =
                    memory.allocate((long) ids.length * architecture.hidden() * Float.BYTES, 64);
            engine.forEach(
                    1,
                    _ -> {
                        Batch batch = Batch.over(tree, hidden, width, ComputeType.FP32);
                        embedding.embed(List.of(ids), batch);
                        for (Block each : architecture.blocks()) {
                            try (var block =
                                    new TorchBlock(
                                            each,
                                            view -> checkpoint.map(view, memory),
                                            ComputeType.FP32,
                                            tree.depth())) {
                                block.forward(batch);
                            }
                        }
                        logits.add(head.logits(batch, 0, ids.length));
                    });
        }
        return logits.getFirst();
    }
}
