package org.wanda4j.evaluate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.JavaProcess;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.data.ParquetRows;
import org.wanda4j.evaluate.Question.Choice;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.torch.ComputeType;
import tools.jackson.databind.JsonNode;

/// Answers to multiple choice, item by item against transformers; `src/test/python/choices.py` wrote what is expected.
class ZeroShotTest {

    private static final Path EXPECTED = Path.of("src/test/resources/choices/tiny-llama.json");

    @TempDir private Path directory;

    @Test
    void everyAnswerHasTheLogLikelihoodThatTransformersGivesIt() throws IOException {
        JsonNode items =
                Json.parse(
                                ("{\"items\":" + Files.readString(EXPECTED) + "}")
                                        .getBytes(StandardCharsets.UTF_8),
                                EXPECTED.toString())
                        .get("items");
        List<Question> questions = new ArrayList<>();
        items.forEach(item -> questions.add(Task.HELLASWAG.question(item)));
        assertTrue(questions.size() >= 20);
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
            double[][] actual =
                    ZeroShot.logLikelihoods(
                            model, exam(questions), ComputeType.FP32, RunSettings.defaults());
            for (int i = 0; i < actual.length; i++) {
                for (int j = 0; j < actual[i].length; j++) {
                    double expected = items.get(i).get("logLikelihoods").get(j).asDouble();
                    assertEquals(expected, actual[i][j], 1e-3, "item " + i + ", choice " + j);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "hellaswag | {\"activity_label\":\"Cooking\",\"ctx_a\":\"A man stirs.\",\"ctx_b\":\"he\",\"endings\":[\"eats [title] it.\",\"flies.\"],\"label\":\"0\"} | Cooking: A man stirs. He | ` eats.  it.`",
                "arc-easy | {\"question\":\"What is wet?\",\"choices\":{\"text\":[\"Water\",\"Sand\"],\"label\":[\"A\",\"B\"]},\"answerKey\":\"A\"} | `Question: What is wet?\nAnswer:` | ` Water`",
                "boolq | {\"passage\":\"Water is wet.\",\"question\":\"is water wet\",\"answer\":false} | `Water is wet.\nQuestion: is water wet?\nAnswer:` | ` no`",
                "rte | {\"sentence1\":\"It rains.\",\"sentence2\":\"It is wet.\",\"label\":0} | `It rains.\nQuestion: It is wet. True or False?\nAnswer:` | ` True`",
                "openbookqa | {\"question_stem\":\"Rain is\",\"choices\":{\"text\":[\"wet\",\"dry\"],\"label\":[\"A\",\"B\"]},\"answerKey\":\"A\"} | Rain is | ` wet`",
                "winogrande | {\"sentence\":\"The cup fell off the table since _ was round.\",\"option1\":\"cup\",\"option2\":\"table\",\"answer\":\"1\"} | The cup fell off the table since cup | ` was round.`"
            })
    void itemsOfThePublishedDatasetsAreWordedAsTheHarnessDoes(
            String task, String item, String context, String continuation) {
        Question question =
                Task.named(task)
                        .question(Json.parse(item.getBytes(StandardCharsets.UTF_8), "item"));
        assertEquals(0, question.answer());
        assertEquals(context, question.choices().getFirst().context());
        assertEquals(
                continuation.replace("eats.  it", "eats. it"),
                question.choices().getFirst().continuation());
    }

    @Test
    void theAccuracyCountsTheHighestLikelihoods() throws IOException {
        Path items =
                Files.writeString(
                        directory.resolve("items.jsonl"),
                        """
                        {"query":"The capital of","choices":["the state","xq zzkw"],"label":0}

                        {"query":"The capital of","choices":["the state","xq zzkw"],"label":1}
                        """);
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
            ZeroShot result =
                    ZeroShot.measure(
                            model,
                            Exam.read(Task.HELLASWAG, items, OptionalInt.empty()),
                            Optional.empty(),
                            RunSettings.defaults());
            assertEquals(2, result.items());
            assertEquals(0.5, result.accuracy());
            assertEquals(0.5, result.stderr(), 1e-12);
        }
    }

    @Test
    void anEmptyQueryIsTheTokenThatTextsBeginWith() throws IOException {
        var empty = Question.of("", List.of("the state", "a"), 0);
        double[][] actual = likelihoods(SharedFiles.tinyLlama(), empty);
        double[][] begun =
                likelihoods(
                        SharedFiles.tinyLlama(),
                        Question.of("<|endoftext|>", List.of("the state", "a"), 0));
        assertArrayEquals(begun[0], actual[0], 1e-9);
        Path copy = tinyWith("{}");
        assertTrue(
                refusal(copy, empty)
                        .startsWith("hellaswag: item 1, choice 1 has an empty query, and "));
        String none = refusal(copy, new Question(List.of(new Choice("", "", 0)), 0));
        assertEquals("hellaswag: item 1, choice 1 is an empty text: give it one", none);
    }

    @Test
    void aChoiceAmongManyIsWhatItIsAlone() {
        String query = "The river ran through the old town and its mill. ".repeat(25);
        List<String> answers =
                IntStream.range(0, 300)
                        .mapToObj(i -> "It was built in the year " + (1700 + i) + ".")
                        .toList();
        double[] together = likelihoods(SharedFiles.tinyLlama(), Question.of(query, answers, 0))[0];
        for (int i = 0; i < answers.size(); i += 37) {
            Question alone = Question.of(query, List.of(answers.get(i)), 0);
            assertEquals(
                    likelihoods(SharedFiles.tinyLlama(), alone)[0][0], together[i], 1e-4, "" + i);
        }
    }

    @Test
    void aContextIsCutToWhatTheModelHasRoomForAndALongerAnswerIsRefused() {
        String query = "The king and the queen. ".repeat(100);
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            Group group =
                    Group.of(exam(List.of(Question.of(query, List.of("So"), 0))), tokenizer, 64)
                            .getFirst();
            assertEquals(64, group.tree().depth());
            assertEquals(64, group.ids().length);
            Question longest = Question.of("The", List.of("So", query), 0);
            String message =
                    assertThrows(
                                    InvalidInputException.class,
                                    () -> Group.of(exam(List.of(longest)), tokenizer, 64))
                            .getMessage();
            assertTrue(message.startsWith("hellaswag: item 1, choice 2 has "), message);
            assertTrue(
                    message.endsWith("the context of this model only 64: leave the item out"),
                    message);
        }
    }

    private static Exam exam(List<Question> questions) {
        return new Exam(Task.HELLASWAG, questions);
    }

    private static double[][] likelihoods(Path directory, Question question) {
        try (Checkpoint model = Checkpoint.open(directory)) {
            return ZeroShot.logLikelihoods(
                    model, exam(List.of(question)), ComputeType.FP32, RunSettings.defaults());
        }
    }

    private static String refusal(Path directory, Question question) {
        return assertThrows(InvalidInputException.class, () -> likelihoods(directory, question))
                .getMessage();
    }

    private Path tinyWith(String config) throws IOException {
        try (Stream<Path> files = Files.list(SharedFiles.tinyLlama())) {
            for (Path file : files.toList()) {
                Files.copy(file, directory.resolve(file.getFileName()));
            }
        }
        Path named = directory.resolve("tokenizer_config.json");
        Files.delete(named);
        Files.writeString(named, config);
        return directory;
    }

    @Test
    void aBrokenItemIsNamedByItsLine() throws IOException {
        Path items =
                Files.writeString(
                        directory.resolve("items.jsonl"),
                        """
                        {"query":"a","choices":["b"],"label":0}
                        {"query":"a","choices":["b"],"label":1}
                        """);
        assertTrue(refusal(Task.HELLASWAG, items).contains("items.jsonl:2"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"null", "{}", "[\"b\"]"})
    void aChoiceThatIsNoTextIsNamedByItsLine(String choice) throws IOException {
        Path items =
                Files.writeString(
                        directory.resolve("items.jsonl"),
                        "{\"query\":\"a\",\"choices\":[\"b\",%s],\"label\":0}\n".formatted(choice));
        String message = refusal(Task.HELLASWAG, items);
        assertTrue(message.contains("items.jsonl:1: the list 'choices' holds"), message);
    }

    /// As pyarrow writes them, compressed by snappy, zstd, gzip and not at all.
    @ParameterizedTest
    @ValueSource(strings = {"hellaswag", "arc-easy", "boolq", "rte"})
    void rowsOfParquetAreTheSameItemsAsLinesOfJson(String name) {
        Task task = Task.named(name);
        Path lines = Path.of("src/test/resources/items", name + ".jsonl");
        Path parquet = Path.of("src/test/resources/items", name + ".parquet");
        Exam exam = Exam.read(task, lines, OptionalInt.empty());
        assertEquals(exam, Exam.read(task, parquet, OptionalInt.empty()));
        assertEquals(
                exam.questions().subList(0, 2),
                Exam.read(task, parquet, OptionalInt.of(2)).questions());
    }

    @Test
    void aRowThatIsNoItemAndAFileThatIsCutAreNamed() throws IOException {
        Path whole = Path.of("src/test/resources/items/rte.parquet");
        assertTrue(refusal(Task.BOOLQ, whole).contains("rte.parquet:1: the field 'passage'"));
        byte[] bytes = Files.readAllBytes(whole);
        Path cut =
                Files.write(
                        directory.resolve("cut.parquet"), Arrays.copyOf(bytes, bytes.length - 100));
        assertTrue(refusal(Task.RTE, cut).startsWith(cut + ": not to be read as Parquet: "));
    }

    @Test
    void aGzippedFileIsToBeUnpacked() throws IOException {
        Path file =
                Files.write(directory.resolve("items.jsonl.gz"), new byte[] {0x1f, (byte) 0x8b, 8});
        assertEquals(file + ": gzipped; unpack it first (gunzip)", refusal(Task.BOOLQ, file));
    }

    /// Hardwood 1.0.1 looks for ever for a page that this file does not have. Its thread cannot be stopped, and takes a core as long as
    /// the process lives.
    @Test
    void aFileWithoutEndIsGivenUp() throws IOException, InterruptedException {
        Path file = Path.of("src/test/resources/items/without-end.parquet");
        Process process = JavaProcess.of(List.of(), Reading.class, file.toString()).start();
        String printed = process.inputReader(StandardCharsets.UTF_8).readAllAsString();
        assertEquals(0, process.waitFor());
        assertTrue(printed.strip().endsWith("no row came for 1 s"), printed);
    }

    /// Prints why a file cannot be read.
    static final class Reading {

        private Reading() {}

        static void main(String[] arguments) {
            var refusal =
                    assertThrows(
                            InvalidInputException.class,
                            () ->
                                    ParquetRows.forEach(
                                            Path.of(arguments[0]),
                                            List.of(),
                                            9,
                                            Duration.ofSeconds(1),
                                            (_, _) -> {}));
            System.out.println(refusal.getMessage());
        }
    }

    private static String refusal(Task task, Path file) {
        return assertThrows(
                        InvalidInputException.class,
                        () -> Exam.read(task, file, OptionalInt.empty()))
                .getMessage();
    }
}
