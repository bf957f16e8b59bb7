package org.wanda4j.spark;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.StorageLevel;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.BlockPass.Round;
import org.wanda4j.calibrate.BlockPass.Wanted;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.StageStatistics;
import org.wanda4j.calibrate.StageSums;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.calibrate.TensorCopy;
import org.wanda4j.calibrate.WindowPass;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.GramSum;
import scala.Tuple2;

/// Windows on their way through one block, a data set a round: the parts advanced, and kept by the executors in memory or on their
/// disks; from it the sums.
final class SparkPass implements WindowPass {

    private final SparkWindows windows;
    private final Block block;
    private final int index;
    private final CalibrationOrder order;
    private final Wanted wanted;
    private final Progress progress;
    private final SequencedMap<Linear, TensorView> replaced = new LinkedHashMap<>();
    private final List<Broadcast<NewWeight>> sent = new ArrayList<>();
    private JavaRDD<Part> states;

    SparkPass(
            SparkWindows windows,
            Block block,
            int index,
            CalibrationOrder order,
            Wanted wanted,
            Progress progress) {
        this.windows = windows;
        this.block = block;
        this.index = index;
        this.order = order;
        this.wanted = wanted;
        this.progress = progress;
        this.states = windows.current();
    }

    @Override
    public List<Round> rounds() {
        return BlockPass.rounds(order, block.steps(), wanted, windows.layout().windows(), 1);
    }

    @Override
    public StageStatistics collect(Round round) {
        PartWork work = work();
        int[] steps = round.steps().stream().mapToInt(block.steps()::indexOf).toArray();
        int[] stages = round.stages().stream().mapToInt(block.stages()::indexOf).toArray();
        boolean advances = order.keepsStages() && steps.length > 0;
        int[] onTheWay = advances ? new int[0] : steps;
        JavaRDD<Part> from = states;
        JavaRDD<Part> ready = advances ? from.map(part -> work.advance(part, steps)) : from;
        if (!ready.getStorageLevel().useMemory()) {
            ready.persist(StorageLevel.MEMORY_AND_DISK());
        }
        JavaPairRDD<Long, Piece> pieces =
                ready.flatMapToPair(part -> work.sum(part, onTheWay, stages).iterator());
        List<Tuple2<Long, Piece>> all = windows.cluster().run(() -> merged(pieces).collect());
        if (advances) {
            from.unpersist(false);
            states = ready;
        }
        long tokens = tokens();
        round.steps().forEach(step -> BlockPass.report(progress, block.steps(), step, tokens));
        return statistics(round.stages(), all);
    }

    /// Gram matrices are added up by the executors, each some panels of all; squares are so few that the driver gets them as they are.
    private JavaPairRDD<Long, Piece> merged(JavaPairRDD<Long, Piece> pieces) {
        return wanted.needed() == Statistic.GRAM
                ? pieces.groupByKey().flatMapValues(each -> Piece.merge(each).iterator())
                : pieces;
    }

    private StageStatistics statistics(List<Stage> stages, List<Tuple2<Long, Piece>> pieces) {
        SequencedMap<Stage, InputStatistics> statistics = new LinkedHashMap<>();
        for (Stage stage : stages) {
            int number = block.stages().indexOf(stage);
            ComputeType type = windows.layout().type();
            StageSums sums = StageSums.of(stage.width(), type, Statistic.INPUT_NORMS, 1);
            SortedMap<Long, float[]> panels = new TreeMap<>();
            for (Tuple2<Long, Piece> each : pieces) {
                long key = each._1();
                if (PartWork.stageOf(key) != number) {
                    continue;
                }
                Piece piece = each._2();
                if (PartWork.isOfSquares(key)) {
                    sums.add(piece.first(), piece.tokens(), piece.values());
                } else {
                    panels.put(key, piece.values());
                }
            }
            statistics.put(
                    stage,
                    InputStatistics.of(sums.windows(), gram(stage, List.copyOf(panels.values()))));
        }
        return new StageStatistics(statistics);
    }

    private Optional<Gram> gram(Stage stage, List<float[]> panels) {
        return wanted.needed() == Statistic.GRAM
                ? Optional.of(
                        GramSum.mean(
                                panels,
                                stage.width(),
                                windows.layout().type(),
                                windows.layout().windows()))
                : Optional.empty();
    }

    @Override
    public void replace(Linear linear, TensorView weight) {
        replaced.put(linear, weight);
    }

    @Override
    public void complete() {
        PartWork work = work();
        Path file = windows.fileBehind(index);
        String path = file.toString();
        windows.cluster().run(() -> states.map(part -> work.complete(part, path)).collect());
        if (!order.keepsStages()) {
            progress.advance(tokens(), "forward");
        }
        states.unpersist(false);
        sent.forEach(Broadcast::destroy);
        windows.are(file);
    }

    /// The work of tasks with the linears as they are now; what is new of them is sent to the executors.
    private PartWork work() {
        List<Linear> linears = block.linears();
        replaced.forEach((linear, weight) ->
                sent.add(
                        windows.cluster()
                                .context()
                                .broadcast(
                                        new NewWeight(
                                                linears.indexOf(linear), TensorCopy.of(weight)))));
        replaced.clear();
        return new PartWork(
                windows.run(),
                index,
                order,
                wanted.needed(),
                wanted.allExperts(),
                List.copyOf(sent));
    }

    private long tokens() {
        return (long) windows.layout().windows() * windows.layout().length();
    }

    @Override
    public Map<String, Double> kernelSeconds() {
        return Map.of();
    }
}
