package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.EvaluationText;
import org.wanda4j.HeldProcess;
import org.wanda4j.HeldProcess.Point;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;

/// What becomes of a command that is told to stop while it runs, as a user sees it.
class StoppedTest {

    private static final String MODEL = SharedFiles.tinyLlama().toString();
    private static final Point FIRST_BLOCK = new Point("org.wanda4j.prune.BlockPruner", "prune", 1);

    /// When some blocks are done, and some are not.
    private static final Point FOURTH_BLOCK =
            new Point("org.wanda4j.prune.BlockPruner", "prune", 4);

    private static final List<String> STARTS_OVER =
            List.of("wanda: stopped; the same command starts over");

    @TempDir private static Path text;

    @TempDir private Path directory;

    @ParameterizedTest
    @CsvSource({"INT, 130", "TERM, 143"})
    void aRunThatIsStoppedSaysHowToGoOn(String signal, int exitCode) throws Exception {
        List<String> lines;
        try (HeldProcess run = start(FOURTH_BLOCK, prune("out"))) {
            Wanda second = Wanda.run(prune("out", "--resume"));
            assertEquals(2, second.exitCode());
            assertTrue(
                    second.errors().getFirst().contains("another run is writing there"),
                    second.errors()::toString);
            lines = stop(run, signal, exitCode);
        }
        assertTrue(
                lines.getLast()
                        .matches(
                                "wanda: stopped; \\d of 6 blocks are done, and the same command with --resume goes on from there"),
                lines::toString);
        Wanda refused = Wanda.run(prune("out"));
        assertEquals(2, refused.exitCode());
        assertTrue(
                refused.errors().getFirst().endsWith("--resume, or start afresh with --force"),
                refused.errors()::toString);
        assertEquals(0, Wanda.run(prune("out", "--resume")).exitCode());
        assertEquals(0, Wanda.run(prune("undisturbed")).exitCode());
        assertEquals(
                -1,
                Files.mismatch(
                        directory.resolve("undisturbed/model.safetensors"),
                        directory.resolve("out/model.safetensors")));
        assertEquals(List.of("out", "undisturbed"), left());
    }

    @Test
    void ofARunThatIsStoppedBeforeABlockIsDoneNothingIsLeft() throws Exception {
        try (HeldProcess run = start(FIRST_BLOCK, prune("out"))) {
            assertTrue(Files.exists(directory.resolve("out.partial/model.safetensors")));
            assertEquals(
                    "wanda: stopped; no run is left to go on with",
                    stop(run, "INT", 130).getLast());
        }
        assertEquals(List.of(), left());
    }

    @Test
    void ofAFileThatIsNotWrittenToItsEndNothingIsLeft() throws Exception {
        Path file = directory.resolve("tiny.gguf");
        String[] export = {"export", MODEL, "-o", file.toString()};
        Point tenthPart = new Point("org.wanda4j.checkpoint.GgufWriter", "write", 10);
        try (HeldProcess run = start(tenthPart, export)) {
            assertEquals(List.of("tiny.gguf.partial"), left());
            assertEquals(STARTS_OVER, stop(run, "INT", 130));
        }
        assertEquals(List.of(), left());
        try (HeldProcess run = start(tenthPart, export)) {
            stop(run, "KILL", 137);
        }
        assertEquals(0, Wanda.run(export).exitCode());
        assertEquals(List.of("tiny.gguf"), left());
    }

    @Test
    void ofAnImportThatIsStoppedNothingIsLeft() throws Exception {
        Path file = text.resolve("import.gguf");
        Wanda.run("export", MODEL, "-o", file.toString(), "--type", "q8_0");
        Point weights = new Point("org.wanda4j.checkpoint.GgufDirectory", "split", 1);
        try (HeldProcess run = start(weights, "inspect", file.toString())) {
            assertEquals(STARTS_OVER, stop(run, "INT", 130));
        }
        assertEquals(List.of("wanda4j"), left());
        assertEquals(List.of(".lock"), names(directory.resolve("wanda4j/gguf")));
    }

    @ParameterizedTest
    @CsvSource({"INT, 130", "KILL, 137"})
    void aComparisonGoesOnWithinTheCellThatItWasAt(String signal, int exitCode) throws Exception {
        String[] compare = {
            "compare",
            MODEL,
            "-o",
            directory.resolve("grid").toString(),
            "--methods",
            "wanda",
            "--sparsities",
            "0.5",
            "--eval-text",
            EvaluationText.beginningIn(text).toString(),
            "--windows",
            "8",
            "--seqlen",
            "64",
            "--eval-seqlen",
            "64",
            "--eval-windows",
            "2",
            "--keep",
            "--json"
        };
        try (HeldProcess run = start(FOURTH_BLOCK, compare)) {
            stop(run, signal, exitCode);
        }
        Path output = directory.resolve("grid/models/wanda-0.5");
        Path shard = output.resolveSibling("wanda-0.5.partial").resolve("model.safetensors");
        Object shardOfTheStoppedRun = Files.readAttributes(shard, "unix:ino").get("ino");
        Wanda again = Wanda.run(compare);
        assertEquals(0, again.exitCode(), again.errors()::toString);
        assertTrue(again.errors().contains("dense: kept from before"), again.errors()::toString);
        assertEquals(
                shardOfTheStoppedRun,
                Files.readAttributes(output.resolve("model.safetensors"), "unix:ino").get("ino"));
        assertEquals(again.out(), Wanda.run(compare).out());
        assertEquals(1, Json.read(directory.resolve("grid/comparison.json")).get("cells").size());
    }

    private String[] prune(String output, String... options) {
        String[] fixed = {
            "prune",
            MODEL,
            "-o",
            directory.resolve(output).toString(),
            "--windows",
            "8",
            "--seqlen",
            "64"
        };
        return Stream.concat(Stream.of(fixed), Stream.of(options)).toArray(String[]::new);
    }

    /// The command in a process of its own, held at a point. It takes Ctrl-C even where this one does not: a shell has what it
    /// starts in the background ignore it, and that is inherited.
    private HeldProcess start(Point point, String... arguments) throws InterruptedException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "env",
                                "--default-signal=INT",
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                HeldProcess.OPTION,
                                "-XX:+UseSerialGC",
                                "-Dorg.bytedeco.javacpp.maxBytes=0",
                                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Main.class.getName()));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command);
        builder.environment().put("XDG_CACHE_HOME", directory.toString());
        return HeldProcess.start(builder, point);
    }

    /// Sends a signal while the process is held, and lets it go.
    ///
    /// @return what it wrote to its standard error
    private static List<String> stop(HeldProcess run, String signal, int exitCode)
            throws Exception {
        String pid = "" + run.process().pid();
        assertEquals(0, new ProcessBuilder("kill", "-" + signal, pid).start().waitFor());
        run.letGo();
        List<String> lines = errors(run.process());
        assertEquals(exitCode, run.process().waitFor(), lines::toString);
        return lines;
    }

    private static List<String> errors(Process process) throws IOException {
        try (var reader = process.errorReader()) {
            return reader.lines().toList();
        }
    }

    private List<String> left() throws IOException {
        return names(directory);
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
