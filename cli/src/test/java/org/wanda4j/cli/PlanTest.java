package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// `wanda plan` as a user calls it.
class PlanTest {

    private static final String MODEL = SharedFiles.tinyLlama().toString();

    @TempDir private Path directory;

    @Test
    void thePlanIsOfTheRunThatTheSameOptionsGive() throws IOException {
        String[] options = {
            MODEL, "--windows", "8", "--seqlen", "64", "--method", "sparsegpt", "--skip", "*.0.*"
        };
        JsonNode plan = json(options);
        Path output = directory.resolve("out");
        Wanda run =
                Wanda.run(
                        Stream.concat(
                                        Stream.of("prune", "-o", output.toString()),
                                        Stream.of(options))
                                .toArray(String[]::new));
        assertEquals(0, run.exitCode(), run.errors()::toString);
        JsonNode report = Json.read(output.resolve("wanda-report.json"));
        assertEquals(report.get("parameters"), plan.at("/workload/parameters"));
        assertEquals(
                report.get("calibrationTokens").asLong(), plan.at("/workload/tokens").asLong());
        assertEquals(report.get("method"), plan.get("method"));
        long size = Files.size(output.resolve("model.safetensors"));
        assertEquals(size, plan.at("/workload/work/write").asLong());
        assertTrue(plan.get("seconds").asDouble() > 0);
        assertTrue(plan.get("peakResidentBytes").asLong() > 50_000_000);
    }

    /// What is pruned of quantised matrices is in fp32.
    @Test
    void whatIsWrittenOfAQuantisedFileIsLargerThanIt() throws IOException {
        Path file = directory.resolve("tiny-q8_0.gguf");
        String[] export = {"export", MODEL, "-o", file.toString(), "--type", "q8_0"};
        assertEquals(0, Wanda.run(export).exitCode());
        Path output = directory.resolve("out");
        String[] prune = {"prune", file.toString(), "-o", output.toString()};
        String[] options = {"--method", "magnitude"};
        Wanda run = Wanda.run(Stream.of(prune, options).flatMap(Stream::of).toArray(String[]::new));
        assertEquals(0, run.exitCode(), run.errors()::toString);
        JsonNode plan = json(file.toString(), "--method", "magnitude");
        long size = Files.size(output.resolve("model.safetensors"));
        assertEquals(size, plan.at("/workload/work/write").asLong());
        assertEquals(size, plan.get("diskBytes").asLong());
        assertTrue(plan.get("modelBytes").asLong() < size);
    }

    @Test
    void theTextNamesEachPhase() {
        Wanda wanda = Wanda.run("plan", MODEL, "--windows", "8", "--seqlen", "64");
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        for (String word :
                List.of("linears", "attention", "statistics", "select", "peak memory", "disk")) {
            assertTrue(wanda.out().contains(word), wanda.out());
        }
        assertFalse(wanda.out().contains("only a config.json"));
    }

    @Test
    void aConfigurationAloneWillDo() throws IOException {
        config(
                """
                {"model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80,
                "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 128256}
                """);
        JsonNode plan = json(directory.toString(), "--method", "magnitude");
        // q and o 8192 x 8192, k and v 1024 x 8192, gate, up and down 8192 x 28672
        assertEquals(
                80 * (2 * 8192L * 8192 + 2 * 1024L * 8192 + 3 * 8192L * 28672),
                plan.at("/workload/parameters").asLong());
        assertEquals(70_553_706_496L, plan.get("parameters").asLong());
        assertFalse(plan.get("weightsPresent").asBoolean());
    }

    /// A 7B model of Llama's shape: counts that are written out here, at the rates of the data sheet.
    @Test
    void aCardIsPlannedByItsDataSheet() throws IOException {
        config(
                """
                {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
                "num_attention_heads": 32, "vocab_size": 32000, "max_position_embeddings": 4096}
                """);
        JsonNode card =
                json(directory.toString(), "--windows", "128", "--seqlen", "2048", "--card", "a100")
                        .get("card");
        double block = 4 * 4096.0 * 4096 + 3 * 4096.0 * 11008;
        double tokens = 128.0 * 2048;
        // The last block is left before its last step.
        double products = 2 * tokens * (32 * block - 4096.0 * 11008);
        assertEquals(products / 312e12, card.at("/phases/linears").asDouble(), 1e-6);
        assertEquals(
                3 * 2 * 32 * (block + 2.0 / 3 * 4096) / 32e9,
                card.at("/phases/upload").asDouble(),
                1e-2);
        assertEquals(tokens * 4096 * 2, card.at("/memory/states").asDouble());
        assertEquals(tokens * 11008 * 2, card.at("/memory/stages").asDouble());
        assertTrue(card.get("peakBytes").asLong() < 12_000_000_000L, card::toString);
        assertTrue(
                Wanda.run("plan", MODEL, "--windows", "8", "--card", "h100")
                        .out()
                        .contains("on h100 in bf16, by its data sheet"));
        assertRefused("--card tpu: a100 and h100 are known", MODEL, "--card", "tpu");
    }

    @Test
    void aDeviceIsMeasured() {
        JsonNode card =
                json(MODEL, "--windows", "8", "--seqlen", "64", "--device", "emulated").get("card");
        assertTrue(card.at("/card/measured").asBoolean());
        for (String rate : List.of("products", "products64", "bandwidth", "link")) {
            assertTrue(card.at("/card/" + rate).asDouble() > 1e6, card::toString);
        }
        double sum = 0;
        for (JsonNode phase : card.get("phases")) {
            sum += phase.asDouble();
        }
        assertEquals(card.get("seconds").asDouble(), sum, 1e-9);
        assertRefused(
                "--card is one that is not here", MODEL, "--card", "a100", "--device", "emulated");
    }

    @Test
    void aTotalTimeIsThatOfPruningAndRecovery() {
        JsonNode plan =
                json(
                        MODEL,
                        "--windows",
                        "8",
                        "--seqlen",
                        "64",
                        "--preset",
                        "best",
                        "--minutes",
                        "5");
        assertEquals(300, plan.get("seconds").asDouble(), 1e-6);
        assertTrue(plan.at("/phases/recover").asDouble() < 300);
        // The time of tuning is the recovery's.
        assertFalse(plan.get("phases").has("tune") && plan.at("/phases/tune").asDouble() > 0);
        assertRefused(
                "--minutes is for all of a run", MODEL, "--minutes", "5", "--recover-minutes", "3");
    }

    @Test
    void textThatTheModelWritesTakesItsTime() throws IOException {
        String[] options = {
            MODEL, "--windows", "8", "--seqlen", "64", "--calibration", "c4:1,self:3"
        };
        JsonNode plan = json(options);
        // Three quarters, and an eighth of it to spare.
        assertEquals(0.75 * 8 * 64 * 1.125, plan.at("/workload/work/text").asDouble());
        assertEquals(
                plan.at("/workload/work/text").asDouble() / plan.at("/rates/text").asDouble(),
                plan.at("/phases/text").asDouble(),
                1e-9);
        assertTrue(plan.at("/phases/text").asDouble() > 0);
        assertEquals(
                0, json(MODEL, "--windows", "8", "--seqlen", "64").at("/phases/text").asDouble());
        // A text that is not read is not written.
        assertEquals(
                0,
                json(MODEL, "--method", "magnitude", "--calibration", "self")
                        .at("/workload/work/text")
                        .asDouble());
        Files.copy(Path.of(MODEL, "config.json"), directory.resolve("config.json"));
        Wanda bare =
                Wanda.run(
                        "plan",
                        directory.toString(),
                        "--windows",
                        "8",
                        "--seqlen",
                        "64",
                        "--calibration",
                        "self");
        assertEquals(0, bare.exitCode(), bare.errors()::toString);
        assertTrue(
                bare.out().contains("576 tokens that the model writes, for which no time"),
                bare.out());
    }

    @Test
    void whatIsNoModelIsRefusedInOneLine() throws IOException {
        assertRefused("no such directory", directory.resolve("nowhere").toString());
        assertRefused("an empty folder", directory.toString());
        config(
                """
                {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 1, "vocab_size": 9, "num_hidden_layers": 2000000000}
                """);
        assertRefused("num_hidden_layers is 2000000000, which is more than", directory.toString());
        assertRefused("there is no method 'magic'", MODEL, "--method", "magic");
    }

    private void config(String json) throws IOException {
        Files.writeString(directory.resolve("config.json"), json);
    }

    private static JsonNode json(String... options) {
        Wanda wanda =
                Wanda.run(
                        Stream.concat(Stream.of("plan", "--json"), Stream.of(options))
                                .toArray(String[]::new));
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        return Json.parse(wanda.out().getBytes(StandardCharsets.UTF_8), "plan");
    }

    private static void assertRefused(String expected, String... options) {
        Wanda wanda =
                Wanda.run(
                        Stream.concat(Stream.of("plan"), Stream.of(options))
                                .toArray(String[]::new));
        assertEquals(2, wanda.exitCode(), wanda.out());
        assertEquals(1, wanda.errors().size(), wanda.errors()::toString);
        assertTrue(wanda.errors().getFirst().contains(expected), wanda.errors()::toString);
    }
}
