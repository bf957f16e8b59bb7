package org.wanda4j.spark;

import java.io.IOException;
import java.io.Serializable;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.BiConsumer;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;
import org.apache.spark.status.api.v1.ExecutorSummary;
import org.wanda4j.calibrate.CalibrationWindows;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.WindowParts;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.calibrate.Workers;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Engine;
import scala.Function2;
import scala.collection.Iterator;
import scala.collection.immutable.Range$;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;
import scala.runtime.BoxedUnit;

/// An application of a Spark cluster. Its executors run the tasks of [PartWork], and those of [#forEach].
final class SparkCluster implements WindowRunner, Workers {

    /// What the launcher gives the driver.
    private static final String JVM_OPTIONS =
            "--add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED"
                    + " -Dorg.bytedeco.javacpp.maxBytes=0 -Dorg.bytedeco.javacpp.maxPhysicalBytes=0";

    private static final String EXECUTOR_OPTIONS = "spark.executor.extraJavaOptions";
    private static final String EXECUTOR_CLASSES = "spark.executor.extraClassPath";
    private static final String THREADS = "spark.task.cpus";
    private static final String PARALLELISM = "spark.default.parallelism";

    private final JavaSparkContext spark;
    private final Map<Integer, ResourceProfile> wideTasks = new HashMap<>();

    private SparkCluster(JavaSparkContext spark) {
        this.spark = spark;
    }

    /// Starts an application. What `spark.*` properties of the system say of it, as spark-submit sets them, comes first.
    ///
    /// @param master as Spark has it: `local[N]`, `spark://HOST:PORT`, `yarn`, `k8s://URL`
    /// @throws InvalidInputException when it cannot be started
    static SparkCluster connect(String master) {
        SparkConf conf =
                new SparkConf()
                        .setMaster(master)
                        .setIfMissing("spark.app.name", "wanda4j")
                        .setIfMissing("spark.log.level", "WARN")
                        .setIfMissing("spark.driver.maxResultSize", "0");
        conf.set(EXECUTOR_OPTIONS, (JVM_OPTIONS + " " + conf.get(EXECUTOR_OPTIONS, "")).strip());
        return guarded(
                master,
                () -> {
                    var cluster = new SparkCluster(new JavaSparkContext(conf));
                    if (!master.startsWith("local") && !conf.contains(EXECUTOR_CLASSES)) {
                        cluster.shipProgram();
                    }
                    return cluster;
                });
    }

    /// Has every executor fetch the jars that lie beside this class's own.
    private void shipProgram() throws IOException, URISyntaxException {
        Path own =
                Path.of(
                        SparkCluster.class
                                .getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI());
        for (Path folder : new Path[] {own.getParent(), own.resolveSibling("lib")}) {
            if (Files.isDirectory(folder)) {
                try (DirectoryStream<Path> jars = Files.newDirectoryStream(folder, "*.jar")) {
                    jars.forEach(jar -> spark.addJar(jar.toString()));
                }
            }
        }
    }

    @Override
    public CalibrationWindows embed(
            LayerwiseForward forward, Windows windows, boolean keepsStages) {
        LayerwiseForward.check(forward.checkpoint(), forward.architecture(), windows);
        return new SparkWindows(this, forward, windows, keepsStages);
    }

    @Override
    public Optional<Workers> workers() {
        return Optional.of(this);
    }

    @Override
    public int parts(int units) {
        int threads = spark.getConf().getInt(THREADS, 1);
        return Math.min(
                Math.ceilDiv(units, threads),
                spark.getConf().getInt(PARALLELISM, WindowParts.MOST));
    }

    @Override
    public <T> Shared<T> share(T value) {
        return new Sent<>(spark.broadcast(value));
    }

    private record Sent<T>(Broadcast<T> broadcast) implements Shared<T> {

        @Override
        public T get() {
            return broadcast.value();
        }

        @Override
        public void close() {
            broadcast.destroy();
        }
    }

    @Override
    public <T, R> void forEach(List<T> items, Work<T, R> work, BiConsumer<Integer, R> done) {
        forEach(items, Optional.empty(), work, done);
    }

    @Override
    public <T, R> void forEachWide(List<T> items, Work<T, R> work, BiConsumer<Integer, R> done) {
        forEach(items, wide(items.size()), work, done);
    }

    /// Tasks that have all cores of an executor, where there are fewer of them than cores. Spark has no such tasks in its local mode,
    /// and starts other executors for them where it allocates them dynamically.
    private Optional<ResourceProfile> wide(int tasks) {
        if (spark.isLocal()
                || spark.getConf().getBoolean("spark.dynamicAllocation.enabled", false)) {
            return Optional.empty();
        }
        List<Integer> cores =
                CollectionConverters.asJava(spark.sc().statusStore().executorList(true)).stream()
                        .map(ExecutorSummary::totalCores)
                        .filter(count -> count > 0) // The driver has none.
                        .toList();
        return tasks < cores.stream().mapToInt(Integer::intValue).sum()
                ? Optional.of(
                        wideTasks.computeIfAbsent(Collections.min(cores), SparkCluster::tasksOf))
                : Optional.empty();
    }

    private static ResourceProfile tasksOf(int cores) {
        return new ResourceProfileBuilder().require(new TaskResourceRequests().cpus(cores)).build();
    }

    /// One job with a task for each item.
    private <T, R> void forEach(
            List<T> items,
            Optional<ResourceProfile> profile,
            Work<T, R> work,
            BiConsumer<Integer, R> done) {
        if (items.isEmpty()) {
            return; // Spark has no data set without parts.
        }
        JavaRDD<T> each = spark.parallelize(items, items.size());
        JavaRDD<T> all = profile.map(each::withResources).orElse(each);
        String cpu = Engine.cpuCapability();
        var task =
                (Function2<TaskContext, Iterator<T>, R> & Serializable)
                        (context, part) -> {
                            T item = part.next();
                            RunSettings settings = Executor.settings(context, cpu);
                            return Executor.uninterrupted(() -> work.apply(item, settings));
                        };
        Function2<Object, R, BoxedUnit> take =
                (number, result) -> {
                    done.accept((Integer) number, result);
                    return BoxedUnit.UNIT;
                };
        run(() -> {
            spark.sc()
                    .runJob(
                            all.rdd(),
                            task,
                            Range$.MODULE$.apply(0, all.getNumPartitions()),
                            take,
                            ClassTag$.MODULE$.<R>apply(Object.class));
            return null;
        });
    }

    JavaSparkContext context() {
        return spark;
    }

    /// `Spark 4.2.0 on spark://host:7077`
    String describe() {
        return "Spark " + spark.version() + " on " + spark.master();
    }

    /// Does what runs jobs.
    ///
    /// @throws InvalidInputException when the cluster has given up; the run can be resumed
    <T> T run(Callable<T> jobs) {
        return guarded(spark.master(), jobs);
    }

    private static <T> T guarded(String master, Callable<T> work) {
        try {
            return work.call();
        } catch (Exception e) { // Scala throws what it does not declare.
            throw new InvalidInputException(
                    "%s: %s".formatted(master, reason(e)), new IOException(e));
        }
    }

    private static String reason(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof InvalidInputException) {
                return cause.getMessage();
            }
        }
        String text = String.valueOf(failure.getMessage());
        if (text.contains(UnsupportedClassVersionError.class.getSimpleName())) {
            return "an executor runs an older Java than 25; set spark.executorEnv.JAVA_HOME, or JAVA_HOME of the workers";
        }
        return text.lines().findFirst().orElse(failure.toString());
    }

    @Override
    public void close() {
        spark.close();
    }
}
