package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.EvaluationText;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// `pack` and `unpack` on a pruned model, as a user calls them.
class PackTest {

    @TempDir private static Path pruned;

    @TempDir private Path directory;

    @BeforeAll
    static void prune() {
        ok(
                "prune",
                SharedFiles.tinyLlama().toString(),
                "-o",
                half(),
                "--method",
                "magnitude",
                "--skip",
                "*.0.*");
    }

    @Test
    void bf16ComesBackBitForBit() throws IOException {
        ok("pack", half(), "-o", at("packed"));
        ok("unpack", at("packed"), "-o", at("unpacked"));
        for (String file : new String[] {"model.safetensors", "config.json", "tokenizer.json"}) {
            assertEquals(
                    -1, Files.mismatch(Path.of(half(), file), Path.of(at("unpacked"), file)), file);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"bf16", "int8", "int4"})
    void evaluationSeesWhatUnpackingGives(String values) {
        ok(
                "pack",
                half(),
                "-o",
                at("packed"),
                "--values",
                values,
                "--windows",
                "4",
                "--seqlen",
                "64");
        ok("unpack", at("packed"), "-o", at("unpacked"));
        JsonNode results =
                json(
                        "eval",
                        at("packed"),
                        at("unpacked"),
                        "--text",
                        EvaluationText.beginningIn(directory).toString(),
                        "--seqlen",
                        "128",
                        "--windows",
                        "4",
                        "--json");
        double packed = results.at("/results/0/perplexity").asDouble();
        assertTrue(packed > 1);
        assertEquals(results.at("/results/1/perplexity").asDouble(), packed);
    }

    @Test
    void theReportNamesEveryMatrix() throws IOException {
        JsonNode report =
                json(
                        "pack",
                        half(),
                        "-o",
                        at("packed"),
                        "--values",
                        "int4",
                        "--calibration",
                        "none",
                        "--json");
        assertTrue(report.get("calibrationTokens").isNull());
        assertEquals(43, report.get("matrices").size());
        long after = Files.size(Path.of(at("packed"), "model.safetensors"));
        assertEquals(after, report.get("bytesAfter").asLong());
        assertTrue(report.get("bytesBefore").asLong() > 3 * after);
        for (JsonNode matrix : report.get("matrices")) {
            String name = matrix.get("name").asString();
            boolean dense = name.contains(".0.") || name.contains("embed");
            assertEquals(dense ? "dense" : "sparse", matrix.get("layout").asString(), name);
            assertEquals(name.contains("embed") ? "int8" : "int4", matrix.get("values").asString());
            assertTrue(matrix.get("outputError").isNull());
        }
    }

    @Test
    void calibratedHalvesOfBytesAreCloserThanNearestOnes() {
        String[] common = {
            "pack",
            half(),
            "--values",
            "int4",
            "--windows",
            "16",
            "--seqlen",
            "64",
            "--recover-tokens",
            "512"
        };
        JsonNode report = json(with(common, "-o", at("calibrated"), "--json"));
        assertEquals(512, report.at("/recovered/tokens").asInt());
        assertEquals(16 * 64, report.get("calibrationTokens").asInt());
        for (JsonNode matrix : report.get("matrices")) {
            boolean table = matrix.get("name").asString().contains("embed");
            double error = matrix.get("outputError").asDouble();
            assertTrue(table ? matrix.get("outputError").isNull() : error > 0 && error < 0.05);
        }
        ok(with(common, "-o", at("again")));
        assertEquals(
                -1,
                mismatch(
                        at("calibrated") + "/model.safetensors",
                        at("again") + "/model.safetensors"));
        ok(with(common, "-o", at("nearest"), "--calibration", "none"));
        JsonNode results =
                json(
                        "eval",
                        half(),
                        at("calibrated"),
                        at("nearest"),
                        "--seqlen",
                        "128",
                        "--windows",
                        "8",
                        "--json");
        double dense = results.at("/results/0/perplexity").asDouble();
        double calibrated = results.at("/results/1/perplexity").asDouble();
        double nearest = results.at("/results/2/perplexity").asDouble();
        assertTrue(calibrated < nearest, calibrated + " of " + nearest);
        assertTrue(calibrated < 1.05 * dense, calibrated + " of " + dense);
    }

    private static String[] with(String[] common, String... more) {
        return Stream.of(common, more).flatMap(Arrays::stream).toArray(String[]::new);
    }

    private static long mismatch(String one, String other) {
        try {
            return Files.mismatch(Path.of(one), Path.of(other));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "granitemoe, model.layers.1.block_sparse_moe.input_linear.weight, 192, 32, input_linear",
        "gpt2, transformer.h.1.attn.c_attn.weight, 96, 32, c_attn",
        "gpt_neox, gpt_neox.layers.1.attention.query_key_value.weight, 96, 32, query_key_value",
    })
    void aTensorWithSeveralLinearsIsOneMatrix(
            String family, String tensor, int outputs, int inputs, String kind) {
        String model = GoldenFamilies.of(family).toString();
        JsonNode report = json("pack", model, "-o", at("packed"), "--values", "int8", "--json");
        List<JsonNode> found =
                report.get("matrices")
                        .valueStream()
                        .filter(matrix -> matrix.get("name").asString().equals(tensor))
                        .toList();
        assertEquals(1, found.size());
        assertEquals(outputs, found.getFirst().get("outputs").asInt());
        assertEquals(inputs, found.getFirst().get("inputs").asInt());
        String table = ok("pack", model, "-o", at("again"), "--values", "int8").out();
        assertTrue(table.lines().anyMatch(line -> line.startsWith(kind + " ")), table);
    }

    @Test
    void theTableShowsSizesByKindAndInTotal() {
        String table = ok("pack", half(), "-o", at("packed"), "--values", "int8").out();
        for (String row :
                new String[] {"embed_tokens", "q_proj", "down_proj", "all else", "total"}) {
            assertTrue(table.lines().anyMatch(line -> line.startsWith(row)), table);
        }
        assertTrue(table.contains("5 of 6"), table);
    }

    @Test
    void inspectSaysThatItIsPacked() {
        ok("pack", half(), "-o", at("packed"), "--values", "int8");
        JsonNode inspection = json("inspect", at("packed"), "--json");
        assertEquals("int8", inspection.get("packed").asString());
        assertTrue(ok("inspect", at("packed")).out().contains("values in int8"));
        assertTrue(json("inspect", half(), "--json").get("packed").isNull());
    }

    /// A GGUF file's quantised matrices are imported as they are, and are smaller than what they decode to.
    @Test
    void sizesBeforeAreThoseOfTheFile() {
        String gguf = at("tiny-q8_0.gguf");
        ok("export", SharedFiles.tinyLlama().toString(), "-o", gguf, "--type", "q8_0");
        JsonNode report = json("pack", gguf, "-o", at("packed"), "--values", "int8", "--json");
        long matrices =
                report.get("matrices")
                        .valueStream()
                        .mapToLong(matrix -> matrix.get("bytesBefore").asLong())
                        .sum();
        long all = report.get("bytesBefore").asLong();
        assertTrue(matrices < all && matrices > 0.9 * all, matrices + " of " + all);
        JsonNode inspection = json("inspect", gguf, "--json");
        assertTrue(inspection.get("packed").isNull());
        assertEquals("[\"Q8_0\",\"F32\"]", inspection.get("types").toString());
    }

    @Test
    void pruningAsksToUnpackFirst() {
        ok("pack", half(), "-o", at("packed"));
        refused("unpack it first", "prune", at("packed"), "-o", at("out"), "--method", "magnitude");
        refused("is packed already", "pack", at("packed"), "-o", at("out"));
        refused("is not packed", "unpack", half(), "-o", at("out"));
        refused(
                "'int2' is none of bf16, int8, int4",
                "pack",
                half(),
                "-o",
                at("out"),
                "--values",
                "int2");
        refused("--force", "pack", half(), "-o", at("packed"));
        assertFalse(Files.exists(directory.resolve("out")));
    }

    private static String half() {
        return pruned.resolve("half").toString();
    }

    private String at(String name) {
        return directory.resolve(name).toString();
    }

    private static JsonNode json(String... arguments) {
        return Json.parse(
                ok(arguments).out().getBytes(StandardCharsets.UTF_8), String.join(" ", arguments));
    }

    private static Wanda ok(String... arguments) {
        Wanda wanda = Wanda.run(arguments);
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        return wanda;
    }

    private static void refused(String expected, String... arguments) {
        Wanda wanda = Wanda.run(arguments);
        assertEquals(2, wanda.exitCode());
        assertTrue(wanda.errors().getFirst().contains(expected), wanda.errors()::toString);
    }
}
