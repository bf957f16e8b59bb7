package org.wanda4j.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.Scores;
import org.wanda4j.method.Selection;
import org.wanda4j.sparse.SparsityPattern;

/// Scores and masks for every linear of SmolLM2's 30 blocks: 106,168,320 weights an operation, 212 MB of bf16.
///
/// `bench/peers/selection_sort.py` does the same with `torch.sort`.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
        value = 1,
        jvmArgsAppend = {
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED"
        })
public class SelectionBenchmark {

    private static final int BLOCKS = 30;
    private static final int[][] SHAPES = {
        {576, 576}, {192, 576}, {192, 576}, {576, 576}, {1536, 576}, {1536, 576}, {576, 1536}
    };

    @Param({"2"})
    private int threads;

    private final List<TensorView> weights = new ArrayList<>();
    private final List<float[]> norms = new ArrayList<>();

    /// Normal weights, log-normal norms; every block has memory of its own, so that caches do not flatter.
    @Setup
    public void fill() {
        var random = new Random(0);
        for (int block = 0; block < BLOCKS; block++) {
            for (int[] shape : SHAPES) {
                int count = shape[0] * shape[1];
                MemorySegment data = Arena.ofAuto().allocate(2L * count, 64);
                for (int i = 0; i < count; i++) {
                    int bits = Float.floatToRawIntBits((float) random.nextGaussian());
                    data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (bits >>> 16));
                }
                weights.add(
                        new TensorView(
                                "w", DType.BF16, List.of((long) shape[0], (long) shape[1]), data));
                float[] norm = new float[shape[1]];
                for (int j = 0; j < norm.length; j++) {
                    norm[j] = (float) Math.exp(random.nextGaussian());
                }
                norms.add(norm);
            }
        }
    }

    /// Wanda at 50 %.
    @Benchmark
    public long row() {
        return wanda(new SparsityPattern.Unstructured(0.5));
    }

    /// Wanda 2:4.
    @Benchmark
    public long twoOfFour() {
        return wanda(new SparsityPattern.NofM(2, 4));
    }

    /// Wanda 4:8.
    @Benchmark
    public long fourOfEight() {
        return wanda(new SparsityPattern.NofM(4, 8));
    }

    /// Magnitude at 50 %, over each matrix.
    @Benchmark
    public long magnitude() {
        long words = 0;
        for (TensorView weight : weights) {
            words +=
                    Selection.LAYER
                            .select(
                                    Scores.abs(weight),
                                    new SparsityPattern.Unstructured(0.5),
                                    threads)
                            .words()
                            .length;
        }
        return words;
    }

    /// No work but reading: what the memory allows.
    @Benchmark
    public long readOnly() {
        long sum = 0;
        for (TensorView weight : weights) {
            MemorySegment data = weight.data();
            long a = 0;
            long b = 0;
            for (long i = 0; i + 16 <= data.byteSize(); i += 16) {
                a += data.get(ValueLayout.JAVA_LONG_UNALIGNED, i);
                b += data.get(ValueLayout.JAVA_LONG_UNALIGNED, i + 8);
            }
            sum += a ^ b;
        }
        return sum;
    }

    private long wanda(SparsityPattern pattern) {
        long words = 0;
        for (int i = 0; i < weights.size(); i++) {
            words +=
                    Selection.ROW
                            .select(
                                    Scores.absTimesColumns(weights.get(i), norms.get(i)),
                                    pattern,
                                    threads)
                            .words()
                            .length;
        }
        return words;
    }
}
