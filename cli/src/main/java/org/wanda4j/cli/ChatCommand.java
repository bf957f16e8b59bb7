package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.text.ChatTemplate.Message;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda chat`
@Command(
        name = "chat",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = "Talks with a dense or packed model, by its own chat template.",
        footer = {
            "",
            "/help tells what else can be typed. Ctrl-C ends an answer, Ctrl-D the conversation.",
            "",
            "Examples:",
            "  wanda chat SmolLM2-packed",
            "  wanda chat SmolLM2-packed --system \"Answer in one sentence.\" --temperature 0.2"
        })
final class ChatCommand implements Runnable {

    private static final String HELP = "/help";
    private static final String RESET = "/reset";
    private static final String EXIT = "/exit";

    /// What looks like a command: a path, `/etc/hosts`, does not.
    private static final Pattern COMMAND = Pattern.compile("/[\\w?]*(\\s|$)");

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description =
                    "Hugging Face directory, packed or not, or a model of the hub: org/name[@revision]")
    private Path model;

    @Option(
            names = "--system",
            paramLabel = "TEXT",
            description = "what the model is told before the conversation")
    private String system;

    @Mixin private final SamplingOptions sampling = new SamplingOptions();

    @Mixin private final DecodeOptions decode = new DecodeOptions();

    @Mixin private final CacheOptions cache = new CacheOptions();

    @Override
    public void run() {
        var settings = new LanguageModel.Settings(decode.threads(), 1, 0, 1, cache.bytes());
        try (LanguageModel opened = LanguageModel.open(model, settings);
                LineSource lines = LineSource.open("> ", HELP, RESET, EXIT)) {
            ChatTemplate template = ChatTemplate.of(model).orElseThrow(this::noTemplate);
            Console.note("kernels: " + LanguageModel.kernels());
            converse(opened, template, lines);
        }
    }

    private InvalidInputException noTemplate() {
        return new InvalidInputException(
                model + ": the model has no chat template; wanda generate goes on with a text");
    }

    private void converse(LanguageModel opened, ChatTemplate template, LineSource lines) {
        List<Message> messages = beginning();
        while (true) {
            Optional<String> line = lines.read();
            switch (line.map(String::strip).orElse(EXIT)) {
                case EXIT -> {
                    return;
                }
                case HELP -> Console.note(HELP + ", " + RESET + ": forget what was said, " + EXIT);
                case RESET -> messages = beginning();
                case "" -> {}
                case String text when COMMAND.matcher(line.get()).lookingAt() ->
                        Console.note(
                                "there is no %s; %s tells what there is, and a space before it says it to the model"
                                        .formatted(text.split("\\s", 2)[0], HELP));
                case String text -> say(text, messages, opened, template);
            }
        }
    }

    private List<Message> beginning() {
        List<Message> messages = new ArrayList<>();
        if (system != null) {
            messages.add(new Message("system", system));
        }
        return messages;
    }

    /// Adds a user's message and the reply, or neither where the conversation is longer than the context.
    private void say(
            String text, List<Message> messages, LanguageModel opened, ChatTemplate template) {
        messages.add(new Message("user", text));
        int[] prompt = opened.tokensAsWritten(template.render(messages, true));
        if (prompt.length >= opened.context()) {
            messages.removeLast();
            Console.note(
                    "the conversation would have %,d tokens, the context has %,d: say less, or %s"
                            .formatted(prompt.length, opened.context(), RESET));
            return;
        }
        Generation answer =
                GenerationDisplay.show(
                        opened.reply(prompt, room(opened, prompt), OptionalInt.empty()),
                        Console::printPart);
        messages.add(new Message("assistant", answer.text()));
        Console.print("");
        Console.note(GenerationDisplay.figures(answer) + ending(answer, opened.context()));
    }

    /// The sampling options, with the most tokens that the context has left.
    private Sampling room(LanguageModel opened, int[] prompt) {
        Sampling asked = sampling.sampling();
        return asked.withMaxTokens(Math.min(asked.maxTokens(), opened.context() - prompt.length));
    }

    private static String ending(Generation answer, int context) {
        return switch (answer.finish()) {
            case STOP -> "";
            case CANCELLED -> "; stopped";
            case LENGTH ->
                    answer.promptTokens() + answer.tokens() >= context
                            ? "; the context is full: " + RESET
                            : "; cut off: --max-tokens allows more";
        };
    }
}
