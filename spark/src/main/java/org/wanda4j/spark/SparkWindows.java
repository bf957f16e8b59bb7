package org.wanda4j.spark;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.apache.spark.api.java.JavaRDD;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockPass.Wanted;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.CalibrationWindows;
import org.wanda4j.calibrate.KeptStates;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.LoadedBlock;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.WindowParts;
import org.wanda4j.calibrate.WindowPass;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.model.Architecture;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchBlock;
import scala.Tuple2;

/// Calibration windows as the partitions of a cluster's data sets.
///
/// Within a block their states stay with the executors. Behind each block they are in a file that all see, from which the next
/// one begins: what an executor loses is computed again from there, and a resumed run begins there too.
final class SparkWindows implements CalibrationWindows, KeptStates {

    private final SparkCluster cluster;
    private final Architecture architecture;
    private final Engine engine;
    private final PartWork.Run run;
    private final ActivationStore.Layout layout;
    private final Path scratch;
    private final List<Part> parts;
    private JavaRDD<Part> states;
    private Optional<Path> written = Optional.empty();

    SparkWindows(
            SparkCluster cluster, LayerwiseForward forward, Windows windows, boolean keepsStages) {
        this.architecture = forward.architecture();
        this.cluster = cluster;
        this.engine = forward.engine();
        this.scratch = forward.scratch().directory().toAbsolutePath();
        this.run =
                new PartWork.Run(
                        UUID.randomUUID().toString(),
                        forward.checkpoint().directory().toAbsolutePath().toString(),
                        engine.type(),
                        windows.seqlen(),
                        architecture.hidden(),
                        TorchBlock.stageWidth(architecture),
                        keepsStages,
                        Engine.cpuCapability());
        this.layout = run.layout(windows.count());
        List<Windows> cut = WindowParts.of(windows, layout, cluster);
        this.parts = parts(cut);
        this.states = embedded(cut);
    }

    /// The parts, without states.
    private static List<Part> parts(List<Windows> cut) {
        List<Part> parts = new ArrayList<>();
        int first = 0;
        for (Windows windows : cut) {
            parts.add(new Part(parts.size(), first, windows.count(), new byte[0], new byte[0]));
            first += windows.count();
        }
        return parts;
    }

    private JavaRDD<Part> embedded(List<Windows> cut) {
        List<Tuple2<Part, Windows>> ids =
                parts.stream().map(part -> new Tuple2<>(part, cut.get(part.number()))).toList();
        PartWork.Run it = run;
        return cluster.context()
                .parallelize(ids, ids.size())
                .map(each -> it.embed(each._1(), each._2()));
    }

    private JavaRDD<Part> read(Path file) {
        PartWork.Run it = run;
        String path = file.toString();
        return cluster.context().parallelize(parts, parts.size()).map(part -> it.read(part, path));
    }

    @Override
    public WindowPass through(
            LoadedBlock block, CalibrationOrder order, Wanted wanted, Progress progress) {
        return new SparkPass(
                this,
                architecture.blocks().get(block.index()),
                block.index(),
                order,
                wanted,
                progress);
    }

    SparkCluster cluster() {
        return cluster;
    }

    PartWork.Run run() {
        return run;
    }

    ActivationStore.Layout layout() {
        return layout;
    }

    JavaRDD<Part> current() {
        return states;
    }

    /// Where the states behind block `index` are to be written.
    Path fileBehind(int index) {
        return scratch.resolve("behind-" + index);
    }

    /// The states of all windows are in `file` now.
    void are(Path file) {
        written = Optional.of(file);
        states = read(file);
    }

    @Override
    public KeptStates states() {
        return this;
    }

    @Override
    public long bytes() {
        return layout.hiddenBytes();
    }

    @Override
    public void keep(CheckpointWriter writer, String file) {
        are(writer.keep(file, written.orElseThrow()));
    }

    @Override
    public void restore(CheckpointWriter writer, String file) {
        are(writer.keptAt(file, bytes()).toAbsolutePath());
    }

    @Override
    public String place() {
        return "cluster";
    }

    @Override
    public String describe() {
        return engine.describe() + "; windows: " + cluster.describe();
    }

    @Override
    public Optional<ActivationStore> store() {
        return Optional.empty();
    }

    @Override
    public void close() {
        WorkerModel.close(run.id());
    }
}
