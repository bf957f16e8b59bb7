package org.wanda4j.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.HubServer;
import org.wanda4j.checkpoint.InvalidInputException;

/// Which files of a data set are fetched.
class TextOfDataSetTest {

    private static final HubId ID = HubId.parse("datasets/org/texts").orElseThrow();

    @TempDir private Path directory;

    private final HubServer server =
            new HubServer("datasets/org/texts")
                    .with("README.md", HubTest.utf8("A data set"))
                    .with("dataset_infos.json", HubTest.utf8("{}"))
                    .withLarge("data/train-00000-of-00002.parquet", HubTest.random(10))
                    .withLarge("data/train-00001-of-00002.parquet", HubTest.random(11))
                    .withLarge("data/test-00000-of-00001.parquet", HubTest.random(12))
                    .with("small/train.jsonl", HubTest.utf8("{\"text\":\"a\"}"))
                    .with("small/validation.jsonl", HubTest.utf8("{\"text\":\"b\"}"))
                    .with("notes.txt", HubTest.utf8("c"));

    @AfterEach
    void stop() {
        server.close();
    }

    @ParameterizedTest
    @CsvSource({
        ",data/train-00000-of-00002.parquet data/train-00001-of-00002.parquet",
        "test,data/test-00000-of-00001.parquet",
        "data/train-00001,data/train-00001-of-00002.parquet",
        "small,small/train.jsonl small/validation.jsonl",
        "small/validation,small/validation.jsonl",
        "validation,small/validation.jsonl",
        "notes,notes.txt"
    })
    void thoseOfThePartAreFetchedInOneForm(String part, String expected) {
        List<Path> files = fetch(part, false);
        assertEquals(List.of(expected.split(" ")), server.fetched());
        Path snapshot =
                directory.resolve("datasets--org--texts/snapshots").resolve(HubServer.COMMIT);
        assertEquals(
                List.of(expected.split(" ")),
                files.stream()
                        .map(file -> snapshot.relativize(file).toString().replace('\\', '/'))
                        .toList());
        server.forget();
        assertEquals(files, fetch(part, true));
        assertEquals(List.of(), server.requests());
    }

    @Test
    void aPartThatIsNotThereIsNamedWithThoseThatAre() {
        var refused = assertThrows(InvalidInputException.class, () -> fetch("dev", false));
        assertTrue(
                refused.getMessage().contains("begins with 'dev': there are data/test-00000"),
                refused.getMessage());
        assertEquals(List.of(), server.fetched());
    }

    @Test
    void whatIsTooMuchIsNotFetched() {
        server.listing(
                "big/all.parquet",
                "{\"type\": \"file\", \"path\": \"big/all.parquet\", \"size\": 3000000000, \"oid\": \"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\"}");
        var refused = assertThrows(InvalidInputException.class, () -> fetch("big", false));
        assertTrue(refused.getMessage().contains("3,000 MB"), refused.getMessage());
        assertEquals(List.of(), server.fetched());
    }

    private List<Path> fetch(String part, boolean offline) {
        var settings =
                new HubSettings(
                        URI.create(server.endpoint()), directory, Optional.empty(), offline, true);
        return new Hub(settings, HubTest.IMPATIENT)
                .fetchText(ID, Optional.ofNullable(part), FetchProgress.NONE);
    }
}
