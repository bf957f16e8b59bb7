package org.wanda4j.spark;

import java.io.IOException;
import java.io.Serializable;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.apache.spark.TaskContext;
import org.apache.spark.broadcast.Broadcast;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.calibrate.StageSums;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.calibrate.WindowSum;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Stage;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import scala.Tuple2;

/// What a task does with its part: the same as a local run with all windows, by the cores that Spark gave it.
///
/// @param run that it belongs to
/// @param block number of the block
/// @param needed of the inputs of its linears
/// @param allExperts whether each expert's inputs are those of all tokens
/// @param replaced linears that have other matrices than the checkpoint
record PartWork(
        Run run,
        int block,
        CalibrationOrder order,
        Statistic needed,
        boolean allExperts,
        List<Broadcast<NewWeight>> replaced)
        implements Serializable {

    /// What a task must know of the run.
    ///
    /// @param id unique among all that an executor may see
    /// @param model directory of the checkpoint, on every worker
    /// @param length tokens of a window
    /// @param hidden size of a hidden state
    /// @param stageWidth the widest that a token hands from one stage to the next
    /// @param keepsStages whether that is kept between two tasks
    /// @param cpu the instruction set that the driver computes with
    record Run(
            String id,
            String model,
            ComputeType type,
            int length,
            int hidden,
            int stageWidth,
            boolean keepsStages,
            String cpu)
            implements Serializable {

        ActivationStore.Layout layout(int windows) {
            return new ActivationStore.Layout(
                    windows, length, hidden, stageWidth, keepsStages, type);
        }

        /// The part with the embedding of its windows.
        Part embed(Part part, Windows windows) {
            return on(
                    part.windows(),
                    (engine, store) -> {
                        WorkerModel model = WorkerModel.of(this);
                        new LayerwiseForward(
                                        model.checkpoint(),
                                        model.architecture(),
                                        engine,
                                        memory(),
                                        length)
                                .embed(store, windows);
                        return part.with(store);
                    });
        }

        /// The part with the hidden states that a file holds for all windows.
        Part read(Part part, String file) {
            byte[] hidden = new byte[Math.toIntExact(layout(part.windows()).hiddenBytes())];
            ByteBuffer into = ByteBuffer.wrap(hidden);
            try (FileChannel channel = FileChannel.open(Path.of(file), StandardOpenOption.READ)) {
                long at = layout(part.first()).hiddenBytes();
                while (into.hasRemaining()) {
                    if (channel.read(into, at + into.position()) < 0) {
                        throw new IOException("it ends too early");
                    }
                }
            } catch (IOException e) {
                throw unseen(file, e);
            }
            byte[] between = new byte[Math.toIntExact(layout(part.windows()).betweenBytes())];
            return new Part(part.number(), part.first(), part.windows(), hidden, between);
        }

        /// Puts the hidden states of a part to their place in a file for all windows.
        private void write(Part part, MemorySegment hidden, String file) {
            try (FileChannel channel =
                    FileChannel.open(
                            Path.of(file), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                ByteBuffer from = hidden.asByteBuffer();
                long at = layout(part.first()).hiddenBytes();
                while (from.hasRemaining()) {
                    channel.write(from, at + from.position());
                }
                channel.force(false);
            } catch (IOException e) {
                throw unseen(file, e);
            }
        }

        private static InvalidInputException unseen(String file, IOException cause) {
            return new InvalidInputException(
                    "%s: %s cannot be read or written (%s); the output must lie on a path that the driver and all workers see"
                            .formatted(Executor.host(), file, cause.getMessage()),
                    cause);
        }

        private <T> T on(int windows, BiFunction<Engine, ActivationStore, T> work) {
            Executor.checkCpu(cpu);
            int threads = TaskContext.get().cpus();
            return Executor.uninterrupted(() -> {
                try (var engine = new Engine(type, threads);
                        var store = new ActivationStore(layout(windows), memory())) {
                    return work.apply(engine, store);
                }
            });
        }

        private static ScratchSpace memory() {
            return new ScratchSpace(Long.MAX_VALUE, Path.of(""));
        }
    }

    /// Brings the part through some steps.
    ///
    /// @param steps their numbers in the block
    Part advance(Part part, int[] steps) {
        return on(
                part,
                (pass, store) -> {
                    pass.sum(new BlockPass.Round(steps(steps), List.of()));
                    return part.with(store);
                });
    }

    /// Sums up what stages read of the part, on a copy where the order says so.
    ///
    /// @param steps that a part is brought through first: their numbers in the block
    /// @param stages their numbers in the block
    /// @return by [#key]
    List<Tuple2<Long, Piece>> sum(Part part, int[] steps, int[] stages) {
        return on(
                part,
                (pass, _) -> {
                    List<Stage> all = description().stages();
                    List<Stage> chosen = IntStream.of(stages).mapToObj(all::get).toList();
                    List<Tuple2<Long, Piece>> pieces = new ArrayList<>();
                    pass.sum(new BlockPass.Round(steps(steps), chosen))
                            .forEach((stage, sums) -> {
                                try (sums) {
                                    addPieces(part, all.indexOf(stage), sums, pieces);
                                }
                            });
                    return pieces;
                });
    }

    private static void addPieces(
            Part part, int stage, StageSums sums, List<Tuple2<Long, Piece>> pieces) {
        List<WindowSum> windows = List.copyOf(sums.windows().windows().values());
        int width = windows.getFirst().squares().length;
        float[] squares = new float[windows.size() * width];
        for (int i = 0; i < windows.size(); i++) {
            System.arraycopy(windows.get(i).squares(), 0, squares, i * width, width);
        }
        long[] tokens = windows.stream().mapToLong(WindowSum::tokens).toArray();
        pieces.add(
                new Tuple2<>(
                        key(stage, 0), new Piece(part.number(), part.first(), tokens, squares)));
        sums.products()
                .ifPresent(products -> {
                    int panel = 1;
                    for (float[] values : products.panels()) {
                        pieces.add(
                                new Tuple2<>(
                                        key(stage, panel++),
                                        new Piece(
                                                part.number(), part.first(), new long[0], values)));
                    }
                });
    }

    /// Of a piece.
    ///
    /// @param stage its number in the block
    /// @param panel of the Gram matrix, counted from 1; 0 for the squares
    static long key(int stage, int panel) {
        return (long) stage << 32 | panel;
    }

    /// The stage of a key.
    static int stageOf(long key) {
        return (int) (key >>> 32);
    }

    /// Whether a key is that of squares.
    static boolean isOfSquares(long key) {
        return (int) key == 0;
    }

    /// Brings the part to the block's end, and writes its hidden states to their place in a file for all windows.
    ///
    /// @return bytes written
    long complete(Part part, String file) {
        return on(
                part,
                (pass, store) -> {
                    pass.complete();
                    run.write(part, store.states(), file);
                    return store.states().byteSize();
                });
    }

    private <T> T on(Part part, BiFunction<BlockPass, ActivationStore, T> work) {
        return run.on(
                part.windows(),
                (engine, store) -> {
                    try (var shared = WorkerModel.of(run).block(block, replaced)) {
                        part.copyTo(store);
                        var wanted = new BlockPass.Wanted(needed, allExperts, Long.MAX_VALUE);
                        var pass =
                                new BlockPass(
                                        engine,
                                        shared.torch(),
                                        store,
                                        order,
                                        wanted,
                                        Progress.NONE);
                        return work.apply(pass, store);
                    }
                });
    }

    private Block description() {
        return WorkerModel.of(run).architecture().blocks().get(block);
    }

    private List<Step> steps(int[] numbers) {
        List<Step> steps = description().steps();
        return Arrays.stream(numbers).mapToObj(steps::get).toList();
    }
}
