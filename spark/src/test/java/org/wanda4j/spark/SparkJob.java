package org.wanda4j.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// Runs on the tiny model.
final class SparkJob {

    /// Three batches and a part of one.
    static final Recipe WANDA =
            Recipe.DEFAULT
                    .withType(ComputeType.BF16)
                    .withSampling(
                            new Recipe.Sampling(
                                    CalibrationSampler.PACKED, 56, OptionalInt.of(64), 0));

    static final Recipe WANDA_BLOCK =
            WANDA.withOrder(CalibrationOrder.BLOCK).withType(ComputeType.FP32);

    private SparkJob() {}

    /// Prunes to `output`.
    static Path prune(Recipe recipe, Path output, WindowRunner runner) {
        return prune(recipe, output, runner, Progress.NONE, false);
    }

    static Path prune(
            Recipe recipe, Path output, WindowRunner runner, Progress progress, boolean resume) {
        RunSettings settings = new RunSettings(2, Long.MAX_VALUE, progress).withRunner(runner);
        Corpus text = Corpus.bundledCalibration();
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
            if (resume) {
                Pruner.resume(model, recipe, text, output, true, settings);
            } else {
                Pruner.prune(model, recipe, text, output, false, settings);
            }
        }
        return output;
    }

    /// SHA-256 of each file of a pruned checkpoint, apart from those that say when and where it was made.
    static SortedMap<String, String> digests(Path checkpoint) {
        SortedMap<String, String> digests = new TreeMap<>();
        try (Stream<Path> files = Files.list(checkpoint)) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                if (!name.equals(Pruner.REPORT) && !name.equals("README.md")) {
                    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
                    digests.put(
                            name, HexFormat.of().formatHex(sha256.digest(Files.readAllBytes(file))));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        return digests;
    }
}
