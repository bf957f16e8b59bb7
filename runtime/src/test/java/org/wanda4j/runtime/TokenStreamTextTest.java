package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.Detokenizer;
import org.wanda4j.text.Tokenizer;

/// The text of answers, and of the tokens that they are told with, where a tokenizer writes spaces into words and a character may
/// take several tokens: the model draws any of them.
class TokenStreamTextTest {

    private static final int SEEDS = 20;
    private static final int WORD = OtherTokenizer.FIRST_WORD;
    private static final int[] PROMPT = {1, WORD + 1, WORD + 2};

    private static final Optional<LogProbabilities> SCORES =
            Optional.of(
                    LogProbabilities.view(new float[OtherTokenizer.ROWS], 0, OtherTokenizer.ROWS));

    @TempDir private static Path directory;
    private static LanguageModel model;
    private static Tokenizer tokenizer;

    private record Told(String text, List<ScoredToken> tokens) {

        static Told read(TokenStream answer) {
            List<ScoredToken> tokens = new ArrayList<>();
            while (true) {
                switch (answer.next()) {
                    case TokenStream.Chunk piece -> tokens.addAll(piece.tokens());
                    case Generation generation -> {
                        return new Told(generation.text(), tokens);
                    }
                }
            }
        }

        String joined() {
            return tokens.stream().map(ScoredToken::text).collect(Collectors.joining());
        }
    }

    @BeforeAll
    static void open() throws IOException {
        try (Stream<Path> files = Files.list(SharedFiles.tinyLlama())) {
            for (Path file : files.toList()) {
                Files.copy(file, directory.resolve(file.getFileName()));
            }
        }
        OtherTokenizer.put(directory);
        model = LanguageModel.open(directory);
        tokenizer = Tokenizer.open(directory);
    }

    @AfterAll
    static void close() {
        model.close();
        tokenizer.close();
    }

    @Test
    void whatGoesOnWithATextBeginsWithItsSpaceAndAReplyDoesNot() {
        int words = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            Told goesOn = Told.read(model.start(PROMPT, any(seed), OptionalInt.of(0)));
            Told reply = Told.read(model.reply(PROMPT, any(seed), OptionalInt.of(0)));
            boolean word = goesOn.tokens().getFirst().id() >= WORD;
            words += word ? 1 : 0;
            assertEquals(goesOn.text(), (word ? " " : "") + reply.text());
        }
        assertTrue(words > 0);
    }

    @Test
    void tokensMakeTheTextAndTheirBytesToo() {
        var text = new StringBuilder();
        for (int seed = 0; seed < SEEDS; seed++) {
            Told told = Told.read(model.start(PROMPT, any(seed), OptionalInt.of(2)));
            assertEquals(told.text(), told.joined());
            var bytes = new ByteArrayOutputStream();
            told.tokens().forEach(token -> bytes.writeBytes(token.bytes()));
            assertEquals(told.text(), bytes.toString(StandardCharsets.UTF_8));
            told.tokens().forEach(token -> assertEquals(2, token.alternatives().size()));
            text.append(told.text());
        }
        assertTrue(text.indexOf("\ufffd") >= 0, "bytes that are no character were not drawn");
    }

    @Test
    void tokensOfAStopTextAreNoneOfTheAnswer() {
        for (int each = 0; each < SEEDS; each++) {
            int seed = each;
            Told whole = Told.read(model.start(PROMPT, any(seed), OptionalInt.of(0)));
            whole.tokens().stream()
                    .skip(1)
                    .filter(token -> token.id() >= WORD)
                    .map(ScoredToken::text)
                    .findFirst()
                    .ifPresent(stop -> checkStop(whole, any(seed, stop), stop));
        }
    }

    private static void checkStop(Told whole, Sampling stopping, String stop) {
        Told told = Told.read(model.start(PROMPT, stopping, OptionalInt.of(0)));
        assertEquals(whole.text().substring(0, whole.text().indexOf(stop)), told.text());
        assertEquals(told.text(), told.joined());
    }

    @Test
    void aTokenThatBeginsInTextThatMayBeAStopTextIsNotInAChunkBefore() {
        var queue = new EventQueue(EventQueue.Unread.ofHeap(), () -> {});
        TokenStreamWriter writer = writer(queue, "aab");
        for (byte character : "aaab".getBytes(StandardCharsets.US_ASCII)) {
            writer.token(3 + character, SCORES);
        }
        writer.finished(Generation.FinishReason.STOP);
        Told told = Told.read(new TokenStream(queue, () -> {}));
        assertEquals("a", told.text());
        assertEquals("a", told.joined());
    }

    @Test
    void tokensThatAddNoTextDoNotPileUp() {
        for (String beginning : List.of("", "a")) {
            var queue = new EventQueue(EventQueue.Unread.ofHeap(), () -> {});
            TokenStreamWriter writer = writer(queue, "ab");
            beginning.chars().forEach(character -> writer.token(3 + character, SCORES));
            int tokens = 0;
            while (writer.acceptsToken()) {
                assertTrue(tokens++ < 20_000, "so many tokens wait for text");
                writer.token(1, SCORES); // <s>
            }
        }
    }

    private static TokenStreamWriter writer(EventQueue queue, String stop) {
        return new TokenStreamWriter(
                new Detokenizer(tokenizer, PROMPT),
                new StopStrings(List.of(stop)),
                Set.of(2),
                new GenerationOptions(GenerationOptions.Text.CONTINUATION, OptionalInt.of(20)),
                PROMPT.length,
                queue);
    }

    @Test
    void aTokenThatTheModelHasNoRowForIsAnErrorWhereItIsUsed() {
        assertEquals(OtherTokenizer.ROWS, model.vocabulary());
        assertFalse(
                model.generate("w", Sampling.GREEDY.withMaxTokens(2), _ -> {}).text().isEmpty());
        String named =
                assertThrows(InvalidInputException.class, () -> model.tokens("a[PAD]"))
                        .getMessage();
        assertTrue(named.contains("the token [PAD] with the id 2048"), named);
        int[] ids = {OtherTokenizer.ROWS};
        assertThrows(
                InvalidInputException.class,
                () -> model.start(ids, Sampling.GREEDY, OptionalInt.empty()));
    }

    /// Any tokens, nearly all as likely as others.
    private static Sampling any(int seed, String... stop) {
        return new Sampling(12, 100, 0, 1, 0, 1, OptionalLong.of(seed), List.of(stop));
    }
}
