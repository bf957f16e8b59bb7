package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;

/// Text from a model, as a user asks for it.
class ChatTest {

    private static final Sampling GREEDY = Sampling.GREEDY.withMaxTokens(12);
    private static final String TEMPLATE =
            "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:";

    @TempDir private Path directory;

    @Test
    void aConversationIsPipedIn() throws IOException {
        String model = withTemplate().toString();
        Wanda chat =
                type("Hello\n/help\n\n/reset\nHello\nAgain", "chat", model, "--system", "Be kind.");
        assertEquals(0, chat.exitCode(), chat.errors()::toString);
        String start = "system: Be kind.\nuser: Hello\n";
        String first = answer(start + "assistant:");
        String second = answer(start + "assistant: " + first + "\nuser: Again\nassistant:");
        assertEquals(first + "\n" + first + "\n" + second + "\n", chat.out());
        assertTrue(chat.errors().contains("/help, /reset: forget what was said, /exit"));
        assertEquals(3, chat.errors().stream().filter(line -> line.contains(" tokens, ")).count());
        assertFalse((chat.out() + chat.errors()).contains("\033"));
    }

    @Test
    void whatLooksLikeACommandIsNotSaidToTheModel() throws IOException {
        Wanda chat = type("/bye\n/set top 1\n/?\n/\n", "chat", withTemplate().toString());
        assertEquals(0, chat.exitCode(), chat.errors()::toString);
        assertEquals("", chat.out());
        for (String command : List.of("/bye", "/set", "/?", "/")) {
            String note = "there is no " + command + "; /help tells what there is";
            assertTrue(
                    chat.errors().stream().anyMatch(line -> line.startsWith(note)),
                    chat.errors()::toString);
        }
    }

    @Test
    void aPathAndWhatBeginsWithASpaceAreSaidToTheModel() throws IOException {
        String model = withTemplate().toString();
        Wanda chat = type("/etc/hosts is what?\n/reset\n /bye\n", "chat", model);
        String path = answer("user: /etc/hosts is what?\nassistant:");
        String spaced = answer("user: /bye\nassistant:");
        assertEquals(path + "\n" + spaced + "\n", chat.out());
    }

    @Test
    void nothingIsReadAfterExit() throws IOException {
        Wanda chat = type("/exit\nHello\n", "chat", withTemplate().toString());
        assertEquals(0, chat.exitCode(), chat.errors()::toString);
        assertEquals("", chat.out());
    }

    @Test
    void aConversationThatOutgrowsTheContextGoesOnWithoutItsLastLine() throws IOException {
        Wanda chat = type("word ".repeat(600) + "\nHello\n", "chat", withTemplate().toString());
        assertEquals(0, chat.exitCode(), chat.errors()::toString);
        assertTrue(
                chat.errors().stream()
                        .anyMatch(line -> line.contains("context has 512: say less, or /reset")),
                chat.errors()::toString);
        assertEquals(answer("user: Hello\nassistant:") + "\n", chat.out());
    }

    @Test
    void aModelWithoutATemplateIsForGenerate() {
        Wanda chat = type("", "chat", SharedFiles.tinyLlama().toString());
        assertEquals(2, chat.exitCode());
        assertEquals(1, chat.errors().size(), chat.errors()::toString);
        assertTrue(chat.errors().getFirst().contains("wanda generate"), chat.errors()::toString);
    }

    @Test
    void aModelThatIsNotThereIsSaid() {
        Wanda chat = type("", "chat", directory.resolve("none").toString());
        assertEquals(2, chat.exitCode());
        assertFalse(chat.errors().getFirst().contains("template"), chat.errors()::toString);
    }

    @Test
    void aPromptIsReadFromStandardInput() {
        Wanda generate =
                type("The king", "generate", SharedFiles.tinyLlama().toString(), "--prompt", "-");
        assertEquals(0, generate.exitCode(), generate.errors()::toString);
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama())) {
            String text = model.generate("The king", GREEDY, _ -> {}).text();
            assertEquals(text + "\n", generate.out());
        }
    }

    private String answer(String prompt) {
        try (LanguageModel model = LanguageModel.open(directory)) {
            return model.generate(prompt, GREEDY, _ -> {}).text();
        }
    }

    private Path withTemplate() throws IOException {
        TinyModel.copyTo(directory);
        Files.writeString(directory.resolve("chat_template.jinja"), TEMPLATE);
        return directory;
    }

    private static Wanda type(String input, String... command) {
        List<String> greedy = List.of("--temperature", "0", "--top-k", "0", "--max-tokens", "12");
        InputStream before = System.in;
        try {
            System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
            return Wanda.run(
                    Stream.concat(Stream.of(command), greedy.stream()).toArray(String[]::new));
        } finally {
            System.setIn(before);
        }
    }
}
