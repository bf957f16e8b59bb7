package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.WordModel;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockSequence;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.LoadedBlock;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Rotary;
import org.wanda4j.model.families.Families;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;
import org.wanda4j.runtime.ScoredToken;
import org.wanda4j.runtime.TokenStream;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;

/// A golden checkpoint of each family, pruned and packed by the program, answers with the tokens that libtorch finds the most
/// likely.
class FamilyTextTest {

    private static final int[] PROMPT = IntStream.range(0, 12).map(i -> 5 + 7 * i).toArray();
    private static final int ANSWER = 8;

    /// Of the largest logit: the runtime keeps keys and values in bf16.
    private static final double TOLERANCE = 0.02;

    @TempDir private Path directory;

    static List<Path> cases() {
        return GoldenFamilies.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theRuntimeGoesOnAsLibtorchWould(Path golden) throws IOException {
        Path packed = packed(WordModel.of(golden, directory));
        List<Integer> answer = answer(packed, rotatesByLength(packed) ? 1 : ANSWER);
        assertFalse(answer.isEmpty());
        float[] logits =
                logits(
                        packed,
                        IntStream.concat(
                                        IntStream.of(PROMPT),
                                        answer.stream().limit(answer.size() - 1).mapToInt(id -> id))
                                .toArray());
        for (int i = 0; i < answer.size(); i++) {
            int row = (PROMPT.length - 1 + i) * WordModel.VOCABULARY;
            double most = Double.NEGATIVE_INFINITY;
            double largest = 0;
            for (int id = 0; id < WordModel.VOCABULARY; id++) {
                most = Math.max(most, logits[row + id]);
                largest = Math.max(largest, Math.abs(logits[row + id]));
            }
            double given = logits[row + answer.get(i)];
            assertTrue(
                    given >= most - TOLERANCE * largest,
                    "token %d has %f, the most likely %f".formatted(i, given, most));
        }
    }

    /// Whether keys would be others had the text been longer: the runtime keeps them as they were, libtorch computes all anew.
    private static boolean rotatesByLength(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            return Families.describe(checkpoint).blocks().stream()
                    .flatMap(Block::attentions)
                    .flatMap(attention -> attention.rotary().stream())
                    .anyMatch(Rotary::dependsOnLength);
        }
    }

    private Path packed(Path model) throws IOException {
        Path text = Files.writeString(directory.resolve("text.txt"), WordModel.text(400, 7));
        Path pruned = directory.resolve("pruned");
        Path packed = directory.resolve("packed");
        ok(
                "prune",
                model.toString(),
                "-o",
                pruned.toString(),
                "--calibration",
                text.toString(),
                "--windows",
                "8",
                "--seqlen",
                "16");
        ok("pack", pruned.toString(), "-o", packed.toString(), "--values", "bf16");
        return packed;
    }

    private static void ok(String... arguments) {
        Wanda wanda = Wanda.run(arguments);
        assertEquals(0, wanda.exitCode(), () -> String.join("\n", wanda.errors()));
    }

    private static List<Integer> answer(Path model, int tokens) {
        List<Integer> ids = new ArrayList<>();
        try (LanguageModel it = LanguageModel.open(model);
                TokenStream stream =
                        it.start(
                                PROMPT, Sampling.GREEDY.withMaxTokens(tokens), OptionalInt.of(0))) {
            while (stream.next() instanceof TokenStream.Chunk chunk) {
                chunk.tokens().stream().map(ScoredToken::id).forEach(ids::add);
            }
        }
        return ids;
    }

    private static float[] logits(Path model, int[] ids) throws IOException {
        List<float[]> logits = new ArrayList<>();
        Windows windows = new Windows(ids.length, List.of(ids));
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Engine engine = new Engine(ComputeType.FP32, 1)) {
            Architecture architecture = Families.describe(checkpoint);
            var forward =
                    new LayerwiseForward(
                            checkpoint,
                            architecture,
                            engine,
                            new ScratchSpace(1 << 30, model),
                            windows.seqlen());
            try (ActivationStore store = forward.embedded(windows, false)) {
                try (BlockSequence blocks = forward.blocks()) {
                    while (blocks.hasNext()) {
                        try (LoadedBlock block = blocks.next()) {
                            store.forward(engine, block.torch(), Progress.NONE);
                        }
                    }
                }
                forward.head(
                        store, (head, _, batch) -> logits.add(head.logits(batch, 0, ids.length)));
            }
        }
        return logits.getFirst();
    }
}
