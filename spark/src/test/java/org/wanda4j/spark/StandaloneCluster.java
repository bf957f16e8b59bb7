package org.wanda4j.spark;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.SparkContext;

/// A standalone cluster of Spark on loopback: a master and two workers, each a process, each worker with one core and an address of its
/// own, as Spark starts no second copy of a task on the same host.
///
/// The class path of the test stands in for the jars of an installation.
final class StandaloneCluster implements AutoCloseable {

    private static final Pattern MASTER =
            Pattern.compile("Starting Spark master at (spark://\\S+)");
    private static final Pattern REGISTERED =
            Pattern.compile("Successfully registered with master");

    private final Path home;
    private final List<Process> workers = new ArrayList<>();
    private final Process master;
    private final String url;

    /// @param home folder to be made the installation
    StandaloneCluster(Path home) throws IOException {
        this.home = home;
        Files.createDirectories(home.resolve("jars"));
        this.master =
                start(
                        "127.0.0.1",
                        "org.apache.spark.deploy.master.Master",
                        "--port",
                        "0",
                        "--webui-port",
                        "0");
        this.url = await(master, MASTER).group(1);
        startWorker();
        startWorker();
    }

    /// What the program is told to reach it.
    String url() {
        return url;
    }

    /// Adds a worker.
    void startWorker() throws IOException {
        Process worker =
                start(
                        host(workers.size()),
                        "org.apache.spark.deploy.worker.Worker",
                        "--cores",
                        "1",
                        "--memory",
                        "600m",
                        "--webui-port",
                        "0",
                        "--work-dir",
                        home.resolve("work").toString(),
                        url);
        workers.add(worker);
        await(worker, REGISTERED);
    }

    /// Ends the executors of a worker by signal 9, once it has one: a busy machine may not have started it yet.
    void killExecutors(int worker) {
        executors(worker).forEach(ProcessHandle::destroyForcibly);
    }

    private List<ProcessHandle> executors(int worker) {
        List<ProcessHandle> executors = List.of();
        while (executors.isEmpty()) {
            LockSupport.parkNanos(20_000_000);
            executors = workers.get(worker).descendants().toList();
        }
        return executors;
    }

    /// Has the executor of a worker stand still, once the driver knows it: what it is given from then on it does not do.
    void suspendExecutor(int worker, SparkContext driver) {
        while (Stream.of(driver.statusTracker().getExecutorInfos())
                        .filter(it -> it.host().equals(host(worker)))
                        .count()
                <= (worker == 0 ? 1 : 0)) { // The driver is on the host of the first.
            LockSupport.parkNanos(20_000_000);
        }
        for (ProcessHandle executor : executors(worker)) {
            try {
                new ProcessBuilder("kill", "-STOP", Long.toString(executor.pid()))
                        .start()
                        .waitFor();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static String host(int worker) {
        return "127.0.0." + (worker + 1);
    }

    /// Ends a worker, with its executors, by signal 9.
    void killWorker(int worker) {
        Stream<ProcessHandle> executors = workers.get(worker).descendants();
        workers.get(worker).destroyForcibly();
        executors.forEach(ProcessHandle::destroyForcibly);
    }

    private Process start(String host, String program, String... arguments) throws IOException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx256m",
                                "-XX:TieredStopAtLevel=1",
                                "-XX:+UseSerialGC",
                                "-cp",
                                System.getProperty("java.class.path"),
                                program,
                                "--host",
                                host));
        command.addAll(List.of(arguments));
        var process = new ProcessBuilder(command).redirectErrorStream(true);
        process.environment().put("SPARK_HOME", home.toString());
        process.environment().put("SPARK_SCALA_VERSION", "2.13"); // As its start scripts have it.
        process.environment().put("SPARK_LOCAL_IP", host);
        return process.start();
    }

    /// Waits for a line of the log, and drains what follows.
    private static Matcher await(Process process, Pattern line) throws IOException {
        var log =
                new BufferedReader(
                        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        List<String> read = new ArrayList<>();
        for (String next = log.readLine(); next != null; next = log.readLine()) {
            read.add(next);
            Matcher matcher = line.matcher(next);
            if (matcher.find()) {
                Thread.ofPlatform().daemon().start(() -> log.lines().forEach(_ -> {}));
                return matcher;
            }
        }
        throw new AssertionError("it ended: " + String.join("\n", read));
    }

    @Override
    public void close() {
        for (int i = 0; i < workers.size(); i++) {
            killWorker(i);
        }
        master.destroyForcibly();
    }
}
