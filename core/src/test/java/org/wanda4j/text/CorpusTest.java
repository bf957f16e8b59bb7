package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.node.ObjectNode;

class CorpusTest {

    private static final String TWO_LINES =
            """
            {"text": "first", "url": "http://example.org"}

            {"url": {"deep": []}, "text": "s\\u00e9cond\\n\\ud83d\\ude00"}\
            """;

    private static final String MARK = "\ufeff";
    private static final String BEGIN = "<|endoftext|>";

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
    void aTextIsMadeWhenItIsReadForTheFirstTime() {
        var made = new AtomicInteger();
        Corpus later =
                Corpus.later(
                        "later",
                        () -> {
                            made.incrementAndGet();
                            return Corpus.of("made", List.of("a"));
                        });
        Corpus other = Corpus.of("b", List.of("b"));
        Corpus mixed =
                Corpus.mixed(List.of(new Corpus.Share(later, 1), new Corpus.Share(other, 1)));
        assertEquals("later", later.name());
        assertEquals("later:1.0,b:1.0", mixed.name());
        assertEquals(0, made.get());
        assertEquals(List.of("a", "b"), mixed.documents());
        assertEquals(Corpus.of("made", List.of("a")).sha256(), later.sha256());
        assertEquals(1, made.get());
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

    @ParameterizedTest
    @ValueSource(strings = {"a.json", "a.JSON", "a.json.gz"})
    void anArrayOfJsonIsItsItems(String name) throws IOException {
        String array =
                """
                [
                  {"text": "first", "score": NaN},
                  "second",
                  {"text": ""}, {"url": 7, "text": null},
                  {"text": "fifth"}
                ]
                """;
        List<String> items = List.of("first", "second", "", "", "fifth");
        assertEquals(items, open(name, array).documents());
        assertEquals(items, open(name, MARK + "\r\n " + array.replace("\n", "\r\n")).documents());
        assertEquals(
                List.of("first", "s\u00e9cond\n\ud83d\ude00"), open(name, TWO_LINES).documents());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    ["x", 7]              | : item 2: neither an object nor a text
                    ["x", {"url": "y"}]   | : item 2: needs a text
                    ["x", "\\ud83d"]      | : item 2: an escape in the text is half
                    ["x", "y"             | : not valid JSON: column 10: it ends too early
                    []                    | : no text in it
                    """)
    void namesTheItemOfAnArrayThatIsWrong(String array, String expected) throws IOException {
        String message = failure(write("bad.json", array));
        assertTrue(message.contains("bad.json" + expected), message);
    }

    @Test
    void aFieldIsTakenByItsName() throws IOException {
        Path file =
                write(
                        "a.jsonl",
                        """
                        {"text": "one", "story": "two"}\r
                        {"text": "three", "story": ""}\r
                        """);
        Corpus stories = Corpus.open(file, field("story"));
        assertEquals(List.of("two", ""), stories.documents());
        assertNotEquals(Corpus.open(file).sha256(), stories.sha256());
        assertNotEquals(stories.sha256(), Corpus.open(file, field("text")).sha256());
        String message =
                assertThrows(InvalidInputException.class, () -> Corpus.open(file, field("body")))
                        .getMessage();
        assertTrue(message.contains("its field \"body\", but it has text, story"), message);
    }

    private static TextSettings field(String name) {
        return new TextSettings(Optional.of(name), Optional.empty(), TextFormats.NONE);
    }

    /// Each as a file with the name that says what it is.
    @ParameterizedTest
    @CsvSource({
        "a.txt, one",
        "a.txt, [Music] and so on",
        "a.txt, ' [1] a footnote'",
        "a.txt.gz, two",
        "a.jsonl, '{\"text\": \"three\"}'",
        "a.jsonl.gz, '{\"text\": \"four\"}'",
        "a.json, ' [\"five\", {\"text\": \"six\"}]'"
    })
    void aStreamIsWhatItBeginsAs(String name, String content) throws IOException {
        for (String text : List.of(content, MARK + content, content + "\r\n")) {
            byte[] bytes = Files.readAllBytes(write(name, text));
            Corpus file = Corpus.open(directory.resolve(name));
            for (InputStream in : List.of(new ByteArrayInputStream(bytes), new Dripping(bytes))) {
                Corpus stream = Corpus.read("standard input", in, TextSettings.PLAIN);
                assertEquals(file.documents(), stream.documents());
                assertEquals(file.sha256(), stream.sha256());
                assertEquals("standard input", stream.name());
            }
        }
    }

    /// A pipe that gives a byte at a time.
    private static final class Dripping extends ByteArrayInputStream {

        Dripping(byte[] bytes) {
            super(bytes);
        }

        @Override
        public synchronized int read(byte[] buffer, int offset, int length) {
            return super.read(buffer, offset, Math.min(1, length));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "PAR1, is read from a file only",
        "'', no text in it",
        "'{\"text\"', :1: not valid JSON"
    })
    void refusesAStreamInOneLine(String content, String expected) {
        var in = new ByteArrayInputStream(content.getBytes(StandardCharsets.UTF_8));
        String message =
                assertThrows(
                                InvalidInputException.class,
                                () -> Corpus.read("standard input", in, TextSettings.PLAIN))
                        .getMessage();
        assertTrue(message.startsWith("standard input") && message.contains(expected), message);
    }

    @Test
    void messagesAreRenderedByTheModelsTemplate() throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        for (String name : List.of("tokenizer.json", "tokenizer_config.json", "config.json")) {
            Files.copy(SharedFiles.tinyLlama().resolve(name), model.resolve(name));
        }
        Path chats =
                write(
                        "chats.jsonl",
                        """
                        {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "cause."}], "mood": "calm"}]}
                        {"text": "plain"}
                        {"text": null, "messages": []}
                        {"messages": [{"role": "assistant", "content": null, "mood": null}]}
                        {"id": "7", "conversations": [{"from": "system", "value": "Be kind."}, {"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]}
                        """);
        var settings = new TextSettings(Optional.empty(), Optional.of(model), TextFormats.NONE);
        assertTrue(
                assertThrows(InvalidInputException.class, () -> Corpus.open(chats, settings))
                        .getMessage()
                        .contains("has no chat template"));
        Path template =
                Files.writeString(
                        model.resolve("chat_template.jinja"),
                        "{{ bos_token }}{% for m in messages %}<{{ m.role }}{% if m.mood is defined %} {{ m.mood }}{% endif %}>{{ m.content }}{% endfor %}");
        Corpus rendered = Corpus.open(chats, settings);
        assertEquals(
                List.of(
                        "<user>Why?<assistant calm>Because.",
                        "plain",
                        "",
                        "<assistant>",
                        "<system>Be kind.<user>Why?<assistant>So."),
                rendered.documents().stream().map(each -> each.replace(BEGIN, "")).toList());
        assertTrue(rendered.documents().getFirst().startsWith(BEGIN));
        Files.writeString(template, "{{ messages[0].content }}");
        assertNotEquals(rendered.sha256(), Corpus.open(chats, settings).sha256());
        Files.writeString(template, "{{ raise_exception('no') }}");
        String message =
                assertThrows(InvalidInputException.class, () -> Corpus.open(chats, settings))
                        .getMessage();
        assertTrue(message.contains("chats.jsonl:1: ") && message.endsWith("no"), message);
        Files.writeString(chats, "{\"messages\": [{\"content\": \"x\"}]}");
        assertTrue(
                assertThrows(InvalidInputException.class, () -> Corpus.open(chats, settings))
                        .getMessage()
                        .contains("chats.jsonl:1: a message needs"));
    }

    /// Documents are encoded with the tokens that the tokenizer adds.
    @Test
    void aTokenThatTemplateAndTokenizerBeginWithStandsOnce() throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        Path demo = SharedFiles.tinyLlama();
        Files.copy(demo.resolve("tokenizer_config.json"), model.resolve("tokenizer_config.json"));
        ObjectNode tokenizer = (ObjectNode) Json.read(demo.resolve("tokenizer.json"));
        tokenizer.set(
                "post_processor",
                Json.read(
                        write(
                                "processor.json",
                                """
                                {"type": "TemplateProcessing",
                                 "single": [{"SpecialToken": {"id": "BEGIN", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                                 "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                                 "special_tokens": {"BEGIN": {"id": "BEGIN", "ids": [0], "tokens": ["BEGIN"]}}}
                                """
                                        .replace("BEGIN", BEGIN))));
        Files.writeString(model.resolve("tokenizer.json"), Json.write(tokenizer));
        Files.writeString(
                model.resolve("chat_template.jinja"), "{{ bos_token }}{{ messages[0].content }}");
        Path chats =
                write(
                        "chats.jsonl",
                        "{\"messages\": [{\"role\": \"user\", \"content\": \"Why\"}]}");
        Corpus corpus =
                Corpus.open(
                        chats,
                        new TextSettings(Optional.empty(), Optional.of(model), TextFormats.NONE));
        assertEquals(List.of("Why"), corpus.documents());
        try (Tokenizer opened = Tokenizer.open(model)) {
            assertArrayEquals(
                    opened.encodeAsWritten(BEGIN + "Why"),
                    opened.encode(corpus.documents().getFirst()));
        }
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
        write("dataset_info.json", "{}");
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
                    {"text": "x"}~{"content": "y"}     | :2: needs a text or a list of messages in its field "text" or "messages" or "conversations", but it has content; --text-field
                    {"text": 7}                        | :1: needs a text or a list of messages in its field "text" or "messages" or "conversations", but that holds something else
                    ["text"]                           | :1: not a JSON object
                    {"text": "\\ud83d"}                | :1: an escape in the text is half
                    ~                                  | : no text in it
                    {"text": "  "}                     | : no text in it
                    {"text": null}~{"text": ""}        | : no text in it
                    {"messages": [{"role": "user"}]}   | :1: messages need a model
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
        String known =
                "known are .txt, .jsonl and .json, as they are or with .gz or .zst behind, and .parquet";
        assertTrue(failure(write("a.csv", "text")).endsWith(known));
        assertTrue(failure(directory).endsWith(known), failure(directory));
    }

    @Test
    void stopsUnfoldingAnArchiveAtItsLimit() throws IOException {
        byte[] bomb = gzip(new byte[4 << 20]);
        assertTrue(bomb.length < 1 << 13);
        for (String name : List.of("bomb.txt.gz", "bomb.jsonl.gz")) {
            var reader = new CorpusReader(TextSettings.PLAIN, 1 << 20);
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

    @Test
    void goesToAnotherProcessAsJsonThatWhichIsMadeLaterToo() {
        Corpus made = Corpus.of("made", List.of("one", "two\n"));
        Corpus later = Corpus.later("made", () -> made);
        assertEquals(made, Json.read(Json.writeLine(later), Corpus.class));
    }
}
