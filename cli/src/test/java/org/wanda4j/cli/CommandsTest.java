package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.EvaluationText;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.JavaProcess;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.model.families.Families;
import tools.jackson.databind.JsonNode;

/// The commands on a real model, as a user calls them.
class CommandsTest {

    private static final String MODEL = SharedFiles.tinyLlama().toString();

    @TempDir private Path directory;

    @Test
    void aPrunedCheckpointDiffersFromItsModelInThePrunedLinearsAlone() throws IOException {
        Wanda wanda = prune("out", "--skip", "*.0.*", "--skip", "*o_proj");
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        try (Checkpoint before = Checkpoint.open(SharedFiles.tinyLlama());
                Checkpoint after = Checkpoint.open(directory.resolve("out"));
                Arena memory = Arena.ofConfined()) {
            assertEquals(List.copyOf(before.tensors()), List.copyOf(after.tensors()));
            for (TensorInfo tensor : before.tensors()) {
                boolean same =
                        before.map(tensor.name(), memory)
                                        .data()
                                        .mismatch(after.map(tensor.name(), memory).data())
                                < 0;
                boolean pruned =
                        tensor.name().contains("_proj")
                                && !tensor.name().contains(".0.")
                                && !tensor.name().contains("o_proj");
                assertNotEquals(pruned, same, tensor.name());
            }
        }
        for (String file :
                List.of(
                        "config.json",
                        "generation_config.json",
                        "tokenizer.json",
                        "tokenizer_config.json")) {
            assertArrayEquals(
                    Files.readAllBytes(SharedFiles.tinyLlama().resolve(file)),
                    Files.readAllBytes(directory.resolve("out").resolve(file)));
        }
    }

    @Test
    void theJsonOfARunIsTheReportBesideTheOutput() throws IOException {
        Wanda wanda = prune("out", "--json");
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        assertEquals(Files.readString(directory.resolve("out/wanda-report.json")), wanda.out());
        JsonNode report = Json.read(directory.resolve("out/wanda-report.json"));
        assertEquals(0.5, report.get("sparsity").asDouble(), 1e-9);
        assertTrue(report.get("seconds").asDouble() > 0);
        assertTrue(report.get("peakResidentBytes").asLong() > 100_000_000);
        assertEquals(directory.resolve("out").toString(), report.get("output").asString());
        assertEquals(6, report.get("blocks").size());
        for (String phase :
                List.of("linears", "attention", "statistics", "waitRead", "waitWrite")) {
            assertTrue(report.get("phases").get(phase).asDouble() >= 0, phase);
        }
        JsonNode recipe = Json.read(directory.resolve("out/wanda-recipe.json"));
        assertEquals("wanda", recipe.get("method").asString());
        assertEquals(64, recipe.get("modelSha256").asString().length());
        assertEquals(8, recipe.get("calibration").get("windows").asInt());
    }

    @ParameterizedTest
    @ValueSource(strings = {"stage", "block"})
    void theSameRecipeGivesTheSameBytesWhateverTheThreads(String order) throws IOException {
        prune("one", "--threads", "1", "--order", order);
        prune("three", "--threads", "3", "--order", order);
        assertEquals(
                -1,
                Files.mismatch(
                        directory.resolve("one/model.safetensors"),
                        directory.resolve("three/model.safetensors")));
    }

    @Test
    void anExistingCheckpointIsReplacedByForce() throws IOException {
        prune("out", "--sparsity", "0.3");
        Wanda wanda = prune("out", "--sparsity", "0.6", "--force", "--json");
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        double sparsity =
                Json.read(directory.resolve("out/wanda-report.json")).get("sparsity").asDouble();
        assertEquals(0.6, sparsity, 0.005);
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(List.of("out"), files.map(file -> file.getFileName().toString()).toList());
        }
    }

    @Test
    void everyMethodIsThere() {
        for (String method : List.of("magnitude", "wanda", "wanda-variant")) {
            Wanda wanda = prune(method, "--method", method);
            assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
            assertTrue(wanda.out().contains("50.00 % asked"), wanda.out());
        }
    }

    @Test
    void theFamiliesAreListed() {
        Wanda wanda = Wanda.run("families");
        assertEquals(0, wanda.exitCode());
        assertEquals(List.copyOf(Families.supported()), wanda.out().lines().toList());
    }

    @Test
    void inspectionSaysWhatAModelConsistsOf() {
        Wanda wanda = Wanda.run("inspect", GoldenFamilies.of("gemma3").toString());
        assertEquals(0, wanda.exitCode());
        assertTrue(wanda.out().contains("queries and keys normed by head"), wanda.out());
        assertTrue(wanda.out().contains("(1 + weight)"), wanda.out());
        Wanda experts = Wanda.run("inspect", GoldenFamilies.of("qwen2_moe").toString());
        assertTrue(experts.out().contains("experts.up_proj"), experts.out());
        assertTrue(experts.out().contains(" of them for a token"), experts.out());
    }

    @Test
    void inspectionShowsThePatternAndTheLargestInputs() {
        prune("out", "--pattern", "2:4");
        Wanda wanda = Wanda.run("inspect", directory.resolve("out").toString());
        assertEquals(0, wanda.exitCode());
        assertTrue(wanda.out().contains("50.00 % 2:4"), wanda.out());
        assertTrue(wanda.out().contains("llama: 6 blocks, hidden 192"), wanda.out());
        Wanda dense = Wanda.run("inspect", MODEL);
        assertFalse(dense.out().contains("2:4"));
    }

    @Test
    void inspectionWithCalibrationShowsTheLargestInputs() throws IOException {
        Path text =
                Files.writeString(
                        directory.resolve("text.txt"), "One pass over a little text. ".repeat(100));
        Wanda wanda =
                Wanda.run(
                        "inspect",
                        MODEL,
                        "--calibration",
                        text.toString(),
                        "--windows",
                        "4",
                        "--seqlen",
                        "64");
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        assertTrue(wanda.out().contains("times the median"), wanda.out());
    }

    @Test
    void evaluationPrintsSeveralModelsSideBySide() {
        Wanda table = Wanda.run("eval", MODEL, MODEL, "--seqlen", "256", "--windows", "2");
        assertEquals(0, table.exitCode(), table.errors()::toString);
        assertEquals(3, table.out().lines().count());
        String text = EvaluationText.beginningIn(directory).toString();
        Wanda json = Wanda.run("eval", MODEL, "--text", text, "--windows", "2", "--json");
        assertTrue(json.out().contains("\"results\""));
        for (String field : List.of("model", "perplexity", "windows", "tokens", "seconds")) {
            assertTrue(json.out().contains("\"" + field + "\""), field);
        }
    }

    @Test
    void anItemThatCannotBeUsedIsNamedByItsLine() throws IOException {
        Path items = Files.writeString(directory.resolve("items.jsonl"), "{}\n");
        Wanda refused = Wanda.run("eval", MODEL, "--task", "hellaswag:" + items);
        assertEquals(2, refused.exitCode());
        assertEquals("", refused.out());
        assertTrue(
                refused.errors().toString().contains("items.jsonl:1: the field"),
                refused.errors()::toString);
    }

    @Test
    void theDoctorFindsThisMachineWell() {
        Wanda wanda = Wanda.run("doctor");
        assertEquals(0, wanda.exitCode(), wanda.out());
        assertTrue(wanda.out().contains("libtorch"));
    }

    @Test
    void numbersAreWrittenAsTheTextIsWhateverTheLocale() throws IOException {
        List<String> german = List.of("-Duser.language=de", "-Duser.country=DE");
        Process process = JavaProcess.of(german, Main.class, "inspect", MODEL).start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(out.lines().anyMatch(it -> it.matches("parameters +2,\\d{3},\\d{3}")), out);
    }

    @Test
    void theDoctorNamesAFolderThatCannotBeWrittenTo() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        for (String variable : List.of("HF_HUB_CACHE", "XDG_CACHE_HOME")) {
            Wanda wanda = Wanda.run(Map.of(variable, file.toString()), "doctor");
            assertEquals(1, wanda.exitCode(), wanda.out());
            assertTrue(
                    wanda.out()
                            .contains(
                                    "mend: %s cannot be written to: make it a folder of yours, or name another by %s"
                                            .formatted(file, variable)),
                    wanda.out());
        }
    }

    @Test
    void theDemoShowsTheWholeJob() {
        Wanda wanda = Wanda.run("demo", "-o", directory.resolve("demo").toString());
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        double dense = perplexity(wanda, "dense +0.00 %");
        double magnitude = perplexity(wanda, "magnitude 50 % +50.\\d\\d %");
        double pruned = perplexity(wanda, "wanda 50 % +50.00 %");
        double updated = perplexity(wanda, "sparsegpt 50 % +50.\\d\\d %");
        assertTrue(dense < updated && updated < pruned && pruned < magnitude, wanda.out());
        assertTrue(perplexity(wanda, "wanda 2:4 +50.00 %") > pruned, wanda.out());
        assertTrue(Files.exists(directory.resolve("demo/wanda-2of4/model.safetensors")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"prune", "eval", "inspect", "doctor", "demo"})
    void everyCommandHasHelpWithExamples(String command) {
        Wanda wanda = Wanda.run(command, "--help");
        assertEquals(0, wanda.exitCode());
        assertTrue(wanda.out().contains("Examples:"));
    }

    /// The perplexity in the row of a table that begins with `row`.
    private static double perplexity(Wanda wanda, String row) {
        Matcher found = Pattern.compile(row + " +(\\d+\\.\\d+)").matcher(wanda.out());
        assertTrue(found.find(), wanda.out());
        return Double.parseDouble(found.group(1));
    }

    private Wanda prune(String output, String... options) {
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
        return Wanda.run(
                Stream.concat(Stream.of(fixed), Stream.of(options)).toArray(String[]::new));
    }
}
