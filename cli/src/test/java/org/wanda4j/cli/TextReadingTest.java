package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.HubServer;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;

/// Where calibration and evaluation text comes from.
class TextReadingTest {

    private static final String MODEL = SharedFiles.tinyLlama().toString();
    private static final String STORY = "Once upon a time there was a queen. ";
    private static final String OTHER = "The capital of the state is not far from here. ";

    @TempDir private Path directory;

    @Test
    void standardInputIsText() throws IOException {
        Path file = Files.writeString(directory.resolve("story.txt"), STORY.repeat(40));
        assertEquals(
                perplexity("", "--text", file.toString()),
                perplexity(STORY.repeat(40), "--text", "-"));
        Path lines = Files.writeString(directory.resolve("a.jsonl"), lines("text", STORY));
        assertEquals(
                perplexity("", "--text", lines.toString()),
                perplexity(lines("body", STORY), "--text", "-", "--text-field", "body"));
    }

    @Test
    void aDataSetOfTheHubIsText() throws IOException {
        byte[] train = lines("text", STORY).getBytes(StandardCharsets.UTF_8);
        byte[] test = lines("text", OTHER).getBytes(StandardCharsets.UTF_8);
        try (var server =
                new HubServer("datasets/org/texts")
                        .with("large/train.jsonl", train)
                        .with("plain/test.jsonl", test)) {
            Map<String, String> environment =
                    Map.of(
                            "HF_ENDPOINT", server.endpoint(),
                            "HF_HUB_CACHE", directory.resolve("cache").toString());
            Wanda prune =
                    Wanda.run(
                            environment,
                            "prune",
                            MODEL,
                            "-o",
                            directory.resolve("out").toString(),
                            "--calibration",
                            "org/texts:0.5,org/texts:plain/test:0.5",
                            "--windows",
                            "4",
                            "--seqlen",
                            "32");
            assertEquals(0, prune.exitCode(), prune.errors()::toString);
            assertEquals(List.of("large/train.jsonl", "plain/test.jsonl"), server.fetched());
            Wanda missing =
                    Wanda.run(environment, "eval", MODEL, "--text", "org/other", "--windows", "1");
            assertEquals(2, missing.exitCode());
            assertTrue(
                    missing.errors().toString().contains("no such data set"),
                    missing.errors()::toString);
            Wanda model = Wanda.run(environment, "inspect", "datasets/org/texts");
            assertEquals(2, model.exitCode());
            assertTrue(
                    model.errors().toString().contains("is a data set, and a model is needed"),
                    model.errors()::toString);
        }
    }

    @Test
    void oneFieldIsForCalibrationAndEvaluation() throws IOException {
        Path file = Files.writeString(directory.resolve("a.jsonl"), lines("body", STORY));
        Path other = Files.writeString(directory.resolve("b.jsonl"), lines("body", OTHER));
        String[] compare = {
            "compare",
            MODEL,
            "-o",
            directory.resolve("grid").toString(),
            "--methods",
            "wanda",
            "--sparsities",
            "0.5",
            "--windows",
            "4",
            "--seqlen",
            "64",
            "--calibration",
            file.toString(),
            "--eval-text",
            other.toString(),
            "--eval-seqlen",
            "64",
            "--eval-windows",
            "2"
        };
        Wanda without = Wanda.run(compare);
        assertEquals(2, without.exitCode());
        assertTrue(
                without.errors().toString().contains("b.jsonl:1: needs a text"),
                without.errors()::toString);
        String[] named =
                Stream.concat(Stream.of(compare), Stream.of("--text-field", "body"))
                        .toArray(String[]::new);
        Wanda wanda = Wanda.run(named);
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
    }

    @Test
    void calibrationMayBeStandardInputAndConversationsOfTheModel() throws IOException {
        Path model = TinyModel.copyTo(directory.resolve("model")).directory();
        String chats =
                "{\"messages\": [{\"role\": \"user\", \"content\": \"%s\"}]}\n"
                        .formatted(STORY)
                        .repeat(60);
        assertEquals(2, prune(chats, model, "refused").exitCode());
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "<{{ messages[0].role }}> {{ messages[0].content }}");
        Wanda rendered = prune(chats, model, "rendered");
        assertEquals(0, rendered.exitCode(), rendered.errors()::toString);
        Wanda text = prune(lines("text", "<user> " + STORY), model, "text");
        assertEquals(0, text.exitCode(), text.errors()::toString);
        byte[] weights = weights("rendered");
        assertArrayEquals(weights("text"), weights, "the same tokens");
        prune(lines("text", OTHER), model, "other");
        assertFalse(Arrays.equals(weights("other"), weights));
    }

    private byte[] weights(String output) throws IOException {
        return Files.readAllBytes(directory.resolve(output).resolve("model.safetensors"));
    }

    private Wanda prune(String in, Path model, String output) {
        return with(
                in,
                "prune",
                model.toString(),
                "-o",
                directory.resolve(output).toString(),
                "--calibration",
                "-",
                "--windows",
                "4",
                "--seqlen",
                "64");
    }

    private static double perplexity(String in, String... options) {
        Stream<String> measured =
                Stream.of("eval", MODEL, "--seqlen", "64", "--windows", "2", "--json");
        Wanda wanda = with(in, Stream.concat(measured, Stream.of(options)).toArray(String[]::new));
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        return Json.parse(wanda.out().getBytes(StandardCharsets.UTF_8), "out")
                .get("results")
                .get(0)
                .get("perplexity")
                .asDouble();
    }

    private static String lines(String field, String sentence) {
        return "{\"url\": \"x\", \"%s\": \"%s\"}\n".formatted(field, sentence).repeat(60);
    }

    /// Runs a command with a standard input.
    private static synchronized Wanda with(String in, String... arguments) {
        InputStream before = System.in;
        try {
            System.setIn(new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8)));
            return Wanda.run(arguments);
        } finally {
            System.setIn(before);
        }
    }
}
