package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.HubServer;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// Models of the hub in the place of directories.
class HubModelsTest {

    private static final String ID = "org/tiny-llama";

    @TempDir private Path directory;

    private HubServer server;

    @BeforeEach
    void serve() {
        server =
                new HubServer(ID)
                        .withFilesOf(SharedFiles.tinyLlama())
                        .withLarge("pytorch_model.bin", new byte[10]);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private Wanda run(String... arguments) {
        return Wanda.run(
                Map.of(
                        "HF_ENDPOINT",
                        server.endpoint(),
                        "HF_HUB_CACHE",
                        directory.resolve("cache").toString(),
                        "XDG_CACHE_HOME",
                        directory.resolve("xdg").toString()),
                arguments);
    }

    @Test
    void importsOfGgufFilesAreListedAndRemoved() throws IOException {
        String name = "model-Q8_0-0011223344556677";
        Path copy = Files.createDirectories(directory.resolve("xdg/wanda4j/gguf").resolve(name));
        Files.write(copy.resolve("model.safetensors"), new byte[2_000_000]);

        JsonNode listed = json(run("cache", "--json"));
        assertEquals(name, listed.get("imports").get(0).get("name").asString());
        assertEquals(2_000_000, listed.get("importBytes").asLong());
        assertTrue(run("cache").out().contains(name), run("cache").out());

        assertEquals(2, run("cache", "--remove", "model-Q8_0").exitCode());
        assertTrue(Files.exists(copy));
        assertEquals("removed 2.0 MB", run("cache", "--remove", name).out().strip());
        assertFalse(Files.exists(copy));
    }

    private static JsonNode json(Wanda wanda) {
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        return Json.parse(wanda.out().getBytes(StandardCharsets.UTF_8), "output");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "prune ID -o OUT --method magnitude",
                "eval ID ID --reference ID --seqlen 32 --windows 1",
                "inspect ID@main",
                "pack ID -o OUT",
                "generate ID --prompt a --max-tokens 1"
            })
    void everyCommandTakesOne(String command) {
        Wanda wanda =
                run(
                        Stream.of(
                                        command.replace("ID", ID)
                                                .replace("OUT", directory.resolve("out").toString())
                                                .split(" "))
                                .toArray(String[]::new));
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        assertFalse(server.fetched().contains("pytorch_model.bin"));
    }

    @Test
    void aGgufFileOfTheHubIsTakenByTheEndOfItsName() throws IOException {
        Path file = directory.resolve("tiny-llama-Q8_0.gguf");
        Wanda.run(
                "export",
                SharedFiles.tinyLlama().toString(),
                "-o",
                file.toString(),
                "--type",
                "q8_0");
        server.withLarge(file.getFileName().toString(), Files.readAllBytes(file));
        Wanda fetched = run("fetch", ID + ":q8_0");
        assertEquals(0, fetched.exitCode(), fetched.errors()::toString);
        assertEquals(-1, Files.mismatch(file, Path.of(fetched.out().strip())));
        assertEquals(List.of(file.getFileName().toString()), server.fetched());
        String[] ask = {
            "generate", "MODEL", "--prompt", "The", "--max-tokens", "8", "--temperature", "0"
        };
        String[] local = ask.clone();
        ask[1] = ID + "@main:Q8_0";
        local[1] = file.toString();
        Wanda answer = run(ask);
        assertEquals(0, answer.exitCode(), answer.errors()::toString);
        assertEquals(run(local).out(), answer.out());
        Wanda table = run("eval", ID + ":q8_0", "--seqlen", "32", "--windows", "1");
        assertTrue(table.out().contains("\n" + ID + ":" + file.getFileName() + " "), table.out());
        assertEquals(2, run("fetch", "datasets/org/texts:train").exitCode());
        Wanda other = run("plan", ID + ":Q4_0");
        assertEquals(2, other.exitCode());
        assertEquals(
                List.of(
                        "wanda: %s: no GGUF file in it is called 'Q4_0': there are %s"
                                .formatted(ID, file.getFileName())),
                other.errors());
    }

    @Test
    void theOutputIsThatOfTheDirectory() throws IOException {
        Path fetched = directory.resolve("fetched");
        Path local = directory.resolve("local");
        run("prune", ID, "-o", fetched.toString(), "--method", "magnitude");
        run(
                "prune",
                SharedFiles.tinyLlama().toString(),
                "-o",
                local.toString(),
                "--method",
                "magnitude");
        assertEquals(
                -1,
                Files.mismatch(
                        fetched.resolve("model.safetensors"), local.resolve("model.safetensors")));
        assertTrue(Files.readString(fetched.resolve("README.md")).contains(ID));
    }

    @Test
    void aPlanNeedsTheConfigurationAlone() {
        Wanda wanda = run("plan", ID, "--method", "magnitude");
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        assertEquals(List.of("config.json"), server.fetched());
        assertEquals(2, run("plan", "org/other").exitCode());
    }

    @Test
    void tablesHaveItsName() {
        Wanda wanda = run("eval", ID, "--seqlen", "32", "--windows", "1");
        assertTrue(wanda.out().contains("\n" + ID + " "), wanda.out());
    }

    @Test
    void aDirectoryOfThatNameComesFirst() throws IOException {
        Path local = Path.of("hub-models-test/local");
        try {
            TinyModel.copyTo(local);
            Wanda wanda = run("inspect", local.toString());
            assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
            assertEquals(List.of(), server.requests());
        } finally {
            try (Stream<Path> files = Files.list(local)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(local);
            Files.delete(local.getParent());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"inspect org/other", "inspect " + ID + "@v9", "fetch org/other"})
    void whatIsNotThereIsSaidInOneLine(String command) {
        Wanda wanda = run(command.split(" "));
        assertEquals(2, wanda.exitCode());
        assertEquals(1, wanda.errors().size(), wanda.errors()::toString);
        assertTrue(
                wanda.errors().getFirst().startsWith("wanda: org/other: no ")
                        || wanda.errors().getFirst().contains("there is no revision 'v9'"),
                wanda.errors()::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"fetch", "cache --remove"})
    void whatIsNoIdIsRefused(String command) {
        Wanda wanda = run(Stream.of((command + " ./model").split(" ")).toArray(String[]::new));
        assertEquals(2, wanda.exitCode());
        assertTrue(
                wanda.errors().getFirst().contains("no id of the hub"), wanda.errors()::toString);
    }

    @Test
    void helpFetchesNothing() {
        assertEquals(0, run("inspect", ID, "--help").exitCode());
        assertEquals(List.of(), server.requests());
    }

    @Test
    void whatIsFetchedIsListedAndRemoved() {
        JsonNode fetched = json(run("fetch", ID, "--json"));
        Path snapshot = Path.of(fetched.get("directory").asString());
        assertTrue(Files.exists(snapshot.resolve("model.safetensors")));
        assertEquals(HubServer.COMMIT, fetched.get("commit").asString());
        assertEquals(snapshot.toString(), run("fetch", ID).out().strip());
        String listed = run("cache").out();
        assertTrue(listed.contains(ID) && listed.contains("main"), listed);
        JsonNode repo = json(run("cache", "--json")).get("repositories").get(0);
        assertEquals(ID, repo.get("id").asString());
        JsonNode removed = json(run("cache", "--remove", ID, "--json"));
        assertEquals(repo.get("bytes").asLong(), removed.get("removedBytes").asLong());
        assertTrue(run("cache").out().startsWith("nothing in "));
        assertEquals(2, run("cache", "--remove", ID).exitCode());
    }
}
