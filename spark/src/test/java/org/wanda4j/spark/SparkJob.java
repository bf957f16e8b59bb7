package org.wanda4j.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.spark.scheduler.StageInfo;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
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

    /// Is told each step of a block that all windows are through.
    record Steps(Consumer<String> seen) implements Progress {

        @Override
        public void start(String what, long tokens) {}

        @Override
        public void advance(long tokens, String step) {
            seen.accept(step);
        }
    }

    /// Properties by which a driver on loopback finds executors that have the classes of this test.
    static Map<String, String> settings() {
        return Map.of(
                "spark.ui.enabled", "false",
                "spark.driver.host", "127.0.0.1",
                "spark.driver.bindAddress", "127.0.0.1",
                "spark.executor.memory", "512m",
                "spark.executor.extraClassPath", System.getProperty("java.class.path"),
                "spark.executor.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
    }

    /// Whether the tasks of a stage prune linears.
    static boolean isPruning(StageInfo stage) {
        return stage.name().contains(SparkCluster.class.getSimpleName());
    }

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

    /// The fraction of the weights of all linears that are zero in both checkpoints, or in neither.
    static double sameZeros(Path one, Path other) {
        long same = 0;
        long all = 0;
        try (Checkpoint first = Checkpoint.open(one);
                Checkpoint second = Checkpoint.open(other);
                Arena memory = Arena.ofConfined()) {
            for (Linear linear : Families.describe(first).linears()) {
                BitSet zeros = zeros(first.map(linear.weight(), memory));
                BitSet difference = zeros(second.map(linear.weight(), memory));
                difference.xor(zeros);
                same += linear.weights() - difference.cardinality();
                all += linear.weights();
            }
        }
        return (double) same / all;
    }

    /// Which weights are zero.
    ///
    /// @param matrix bf16
    private static BitSet zeros(TensorView matrix) {
        short[] values = matrix.data().toArray(ValueLayout.JAVA_SHORT_UNALIGNED);
        var zeros = new BitSet();
        for (int i = 0; i < values.length; i++) {
            zeros.set(i, (values[i] & 0x7fff) == 0);
        }
        return zeros;
    }

    /// OUTPUT MASTER: a driver that says so when it is in the middle of the third block, and goes no further.
    public static void main(String[] arguments) {
        settings().forEach(System::setProperty);
        var progress =
                new Steps(step -> {
                    if (step.equals("block 3/6 o")) {
                        System.out.write('+');
                        System.out.flush();
                        LockSupport.park();
                    }
                });
        try (WindowRunner spark = WindowRunner.spark(arguments[1])) {
            prune(WANDA, Path.of(arguments[0]), spark, progress, false);
        }
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
                            name,
                            HexFormat.of().formatHex(sha256.digest(Files.readAllBytes(file))));
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
