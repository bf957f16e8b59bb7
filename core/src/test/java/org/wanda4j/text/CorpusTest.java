package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.InvalidInputException;

class CorpusTest {

    private static final String TWO_LINES =
            """
            {"text": "first", "url": "http://example.org"}

            {"url": {"deep": []}, "text": "s\\u00e9cond\\n\\ud83d\\ude00"}\
            """;

    private static final String MARK = "\ufeff";

    @TempDir private Path directory;

    @Test
    void aTextFileIsOneDocument() throws IOException {
        assertEquals(List.of("one\n\ntwo\n"), open("a.txt", "one\n\ntwo\n").documents());
    }

    @Test
    void aMixtureHasTheCharactersOfItsWeights() {
        Corpus mixed =
                Corpus.mixed(
                        List.of(
                                new Corpus.Share(repeated("a", 7, 1000), 3),
                                new Corpus.Share(repeated("b", 2, 100_000), 1)));
        long a = mixed.documents().stream().filter(each -> each.startsWith("a")).count();
        long b = mixed.documents().stream().filter(each -> each.startsWith("b")).count();
        assertEquals(1000, a, "all of the source that ends first");
        assertEquals(7 * 1000 / 3.0, 2.0 * b, 7);
        assertEquals("a:3.0,b:1.0", mixed.name());
        // Near the weights from the first documents on.
        int characters = 0;
        int ofA = 0;
        for (String document : mixed.documents()) {
            characters += document.length();
            ofA += document.startsWith("a") ? document.length() : 0;
            assertEquals(0.75 * characters, ofA, 8);
        }
    }

    private static Corpus repeated(String letter, int length, int documents) {
        return Corpus.of(letter, Collections.nCopies(documents, letter.repeat(length)));
    }

    @Test
    void whatWasMadeIsKnownByItsDocuments() {
        String sha = Corpus.of("x", List.of("ab", "c")).sha256();
        assertEquals(sha, Corpus.of("y", List.of("ab", "c")).sha256());
        assertNotEquals(sha, Corpus.of("x", List.of("a", "bc")).sha256());
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
    void aWeightIsAboveZero(double weight) {
        Corpus corpus = repeated("a", 1, 1);
        assertThrows(InvalidInputException.class, () -> new Corpus.Share(corpus, weight));
    }

    @Test
    void lineEndsOfATextFileAreReadAsPythonReadsThem() throws IOException {
        assertEquals(List.of("a\nb\n\nc\n"), open("a.txt", "a\r\nb\r\rc\n").documents());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a.jsonl", "a.jsonl.gz", "a.json.gz"})
    void aLineOfJsonIsADocument(String name) throws IOException {
        assertEquals(List.of("first", "sécond\n😀"), open(name, TWO_LINES).documents());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a.txt", "a.TXT", "a.Txt.gz", "a.txt.GZ"})
    void aByteOrderMarkIsNoPartOfATextAndCapitalsOfAnExtensionAreNoOther(String name)
            throws IOException {
        assertEquals(List.of("one\ntwo\n"), open(name, MARK + "one\r\ntwo\r\n").documents());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a.jsonl", "a.JSONL", "a.jsonl.gz", "a.Json.Gz"})
    void linesOfJsonMayHaveByteOrderMarksCarriageReturnsAndPythonsNaN(String name)
            throws IOException {
        String lines = MARK + "{\"text\": \"first\", \"score\": NaN}\r\n";
        String joined = lines + "\r\n" + lines.replace("NaN", "-Infinity");
        assertEquals(List.of("first", "first"), open(name, joined).documents());
    }

    @Test
    void aGitLfsPointerIsNoText() throws IOException {
        for (String name : List.of("a.txt", "b.jsonl", "c.txt.gz")) {
            Path file = write(name, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
            assertTrue(failure(file).contains(name + " is a git-lfs pointer"), failure(file));
        }
    }

    @Test
    void aDirectoryIsItsTextFilesInTheOrderOfTheirNames() throws IOException {
        write("b.txt", "third");
        write("a.jsonl.gz", TWO_LINES);
        write("README.md", "ignored");
        assertEquals(List.of("first", "sécond\n😀", "third"), Corpus.open(directory).documents());
        assertEquals(directory.getFileName().toString(), Corpus.open(directory).name());
    }

    @Test
    void theDigestIsThatOfTheDecompressedFile() throws IOException {
        String digestOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assertEquals(digestOfAbc, open("a.txt", "abc").sha256());
        assertEquals(digestOfAbc, open("b.txt.gz", "abc").sha256());
        assertEquals("b.txt.gz", Corpus.open(directory.resolve("b.txt.gz")).name());
    }

    @Test
    void theTextOfACorpusHasAnEmptyLineBetweenDocuments() {
        assertEquals("a\n\nb", new Corpus("x", "", List.of("a", "b")).text());
    }

    @Test
    void theBundledTextsAreTheOnesTheyClaimToBe() {
        Corpus c4 = Corpus.bundledCalibration();
        assertEquals(1200, c4.documents().size());
        assertEquals(
                "0bedaeb1d887a5fa3c334288458c24580014a1ca1fed5fd9dfb29d8ba3abb456", c4.sha256());
        assertEquals(
                "4f3e427e4aff23acff917a8a51aeae21bf12832256e26914c8fc250dcef4103c",
                Corpus.bundledEvaluation().sha256());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    {"text": "x"}~{"text"              | :2: not valid JSON: column 8: it ends too early
                    {"text": "x"}~~{"text": "y"} extra | :3: not valid JSON: column 15: unexpected extra
                    {"text": "x"}~{"content": "y"}     | :2: every line needs
                    {"text": 7}                        | :1: every line needs
                    ["text"]                           | :1: not a JSON object
                    {"text": "\\ud83d"}                | :1: an escape in "text" is half
                    ~                                  | : no text in it
                    {"text": "  "}                     | : no text in it
                    """)
    void namesFileAndLineOfWhatIsWrong(String lines, String expected) throws IOException {
        Path file = write("bad.jsonl", lines.replace('~', '\n').replace("\\\\", "\\"));
        String message = failure(file);
        assertTrue(message.contains("bad.jsonl" + expected), message);
        assertEquals(1, message.lines().count());
    }

    @Test
    void refusesAbsurdNesting() throws IOException {
        Path file = write("deep.jsonl", "{\"text\": \"x\", \"y\": " + "[".repeat(100_000));
        assertTrue(
                failure(file).contains("deep.jsonl:1: not valid JSON: nested too deep"),
                failure(file));
    }

    @Test
    void refusesWhatIsNotUtf8() throws IOException {
        Path file = directory.resolve("latin.txt");
        Files.write(file, "é".getBytes(StandardCharsets.ISO_8859_1));
        assertTrue(failure(file).contains("latin.txt: not UTF-8"), failure(file));
    }

    @Test
    void refusesWhatIsNotThereOrNotGzipOrCutOff() throws IOException {
        Path absent = directory.resolve("absent.txt");
        assertTrue(failure(absent).endsWith("no such file or directory"), failure(absent));
        Path plain = directory.resolve("plain.jsonl.gz");
        Files.writeString(plain, TWO_LINES);
        assertTrue(failure(plain).contains("cannot be read"), failure(plain));
        Path cut = write("cut.txt.gz", TWO_LINES);
        byte[] bytes = Files.readAllBytes(cut);
        Files.write(cut, Arrays.copyOf(bytes, bytes.length - 12));
        assertTrue(failure(cut).contains("cannot be read"), failure(cut));
    }

    @Test
    void namesTheExtensionsItKnows() throws IOException {
        String known = "known are .txt, .txt.gz, .jsonl, .jsonl.gz, .json.gz";
        assertTrue(failure(write("a.parquet", "PAR1")).endsWith(known));
        assertTrue(failure(directory).endsWith(known), failure(directory));
    }

    @Test
    void stopsUnfoldingAnArchiveAtItsLimit() throws IOException {
        byte[] bomb = gzip(new byte[4 << 20]);
        assertTrue(bomb.length < 1 << 13);
        for (String name : List.of("bomb.txt.gz", "bomb.jsonl.gz")) {
            var reader = new CorpusReader(1 << 20);
            var failure =
                    assertThrows(
                            InvalidInputException.class,
                            () -> reader.read(name, new ByteArrayInputStream(bomb)));
            assertTrue(failure.getMessage().startsWith(name + ": more than the 1 MiB of text"));
        }
    }

    private Corpus open(String name, String content) throws IOException {
        return Corpus.open(write(name, content));
    }

    private Path write(String name, String content) throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        return Files.write(
                directory.resolve(name),
                name.toLowerCase(Locale.ROOT).endsWith(".gz") ? gzip(bytes) : bytes);
    }

    private static byte[] gzip(byte[] bytes) throws IOException {
        var out = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(out)) {
            gzip.write(bytes);
        }
        return out.toByteArray();
    }

    private static String failure(Path source) {
        return assertThrows(InvalidInputException.class, () -> Corpus.open(source)).getMessage();
    }
}
