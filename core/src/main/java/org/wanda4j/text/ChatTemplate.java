package org.wanda4j.text;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.ModelDirectory;
import org.wanda4j.checkpoint.Utf8;
import org.wanda4j.text.jinja.Template;
import org.wanda4j.text.jinja.TemplateException;
import org.wanda4j.text.jinja.Texts;
import tools.jackson.databind.JsonNode;

/// The Jinja template with which a model's conversations are formatted, rendered as transformers renders it.
///
/// The text has the special tokens in it; [Tokenizer#encodeAsWritten(String)] encodes it. A template is code from outside:
/// it sees the messages and the special tokens, and its output and work are bounded.
public final class ChatTemplate {

    private static final String FILE = "chat_template.jinja";
    private static final String CONFIG = "tokenizer_config.json";
    private static final String KEY = "chat_template";
    private static final int LONGEST = 1 << 20;
    private static final List<String> SPECIAL_TOKENS =
            List.of(
                    "bos_token",
                    "eos_token",
                    "unk_token",
                    "sep_token",
                    "pad_token",
                    "cls_token",
                    "mask_token");

    private final Path place;
    private final String source;
    private final Template template;
    private final Map<String, String> specialTokens;
    private final Clock clock;

    private ChatTemplate(
            Path place, String source, Map<String, String> specialTokens, Clock clock) {
        this.place = place;
        this.source = source;
        this.template = Template.parse(source);
        this.specialTokens = specialTokens;
        this.clock = clock;
    }

    /// A message.
    ///
    /// @param role `system`, `user` or `assistant`
    /// @param others further fields for the template, by name: `String`, `Long`, `Double`, `Boolean`, `List` or `Map`
    public record Message(String role, String content, Map<String, ?> others) {

        /// Copies the fields.
        public Message {
            others = Collections.unmodifiableMap(new LinkedHashMap<>(others));
        }

        /// A message with a role and a content only.
        public Message(String role, String content) {
            this(role, content, Map.of());
        }

        /// The text of a content as JSON has it: a text, or a list of parts with a `text` each, which are joined; empty where it is
        /// neither.
        public static Optional<String> text(JsonNode content) {
            if (content.isString()) {
                return Optional.of(content.stringValue());
            }
            List<JsonNode> parts = content.valueStream().map(part -> part.path("text")).toList();
            return content.isArray() && parts.stream().allMatch(JsonNode::isString)
                    ? Optional.of(
                            parts.stream().map(JsonNode::stringValue).collect(Collectors.joining()))
                    : Optional.empty();
        }
    }

    /// How a conversation ends.
    public enum Ending {
        /// With its last message.
        CLOSED,
        /// With the header of the next assistant message: `add_generation_prompt`.
        ANSWER,
        /// Within its last message, which the completion continues: `continue_final_message`.
        OPEN
    }

    /// The template of a model directory, where it has one: `chat_template.jinja`, or `chat_template` of
    /// `tokenizer_config.json`, a string or a list of named ones, of which `default` is used. Errors in a template are thrown when a
    /// conversation is rendered.
    ///
    /// @throws InvalidInputException when it cannot be read
    public static Optional<ChatTemplate> of(Path modelDirectory) {
        return of(modelDirectory, Clock.system(ZoneId.systemDefault()));
    }

    static Optional<ChatTemplate> of(Path given, Clock clock) {
        Path modelDirectory = ModelDirectory.of(given);
        Path config = modelDirectory.resolve(CONFIG);
        Optional<JsonNode> json =
                Files.exists(config) ? Optional.of(Json.read(config)) : Optional.empty();
        Path file = modelDirectory.resolve(FILE);
        Path place = Files.exists(file) ? file : config;
        Optional<String> source =
                Files.exists(file)
                        ? Optional.of(read(file))
                        : json.flatMap(it -> source(it.path(KEY), config));
        return source.map(text ->
                new ChatTemplate(
                        place,
                        text,
                        json.map(ChatTemplate::specialTokens).orElse(Map.of()),
                        clock));
    }

    private static String read(Path file) {
        try {
            if (Files.size(file) > LONGEST) {
                throw new InvalidInputException(file + ": longer than " + LONGEST + " bytes");
            }
            try (Reader reader = Utf8.reader(Files.newInputStream(file), file.toString())) {
                return reader.readAllAsString();
            }
        } catch (IOException e) {
            throw new InvalidInputException(file + ": cannot be read as text in UTF-8", e);
        }
    }

    private static Optional<String> source(JsonNode entry, Path config) {
        if (entry.isMissingNode() || entry.isNull()) {
            return Optional.empty();
        }
        JsonNode source =
                entry.isArray()
                        ? entry.valueStream()
                                .filter(named -> named.path("name").asString("").equals("default"))
                                .findFirst()
                                .orElse(entry.path(0))
                                .path("template")
                        : entry;
        if (!source.isString() || source.asString().length() > LONGEST) {
            throw new InvalidInputException(
                    config + ": " + KEY + " must be a text or a list of named ones");
        }
        return Optional.of(source.asString());
    }

    private static Map<String, String> specialTokens(JsonNode config) {
        Map<String, String> tokens = new LinkedHashMap<>();
        for (String key : SPECIAL_TOKENS) {
            JsonNode token = config.path(key); // a text, or an object that describes an added token
            token.path("content")
                    .asStringOpt()
                    .or(token::asStringOpt)
                    .ifPresent(text -> tokens.put(key, text));
        }
        return tokens;
    }

    /// Formats a conversation.
    ///
    /// @param addGenerationPrompt whether the header of the next assistant message is added
    /// @throws InvalidInputException when the template raises an error, or fails
    public String render(List<Message> messages, boolean addGenerationPrompt) {
        return render(messages, addGenerationPrompt ? Ending.ANSWER : Ending.CLOSED, Map.of());
    }

    /// Formats a conversation.
    ///
    /// @param messages at least one for [Ending#OPEN]
    /// @param more variables of the template, such as Qwen 3's `enable_thinking`: `String`, `Long`, `Double`, `Boolean`, `List` or
    ///     `Map`. They override special tokens, and are overridden by what this method sets.
    /// @throws InvalidInputException when the template raises an error, fails, or leaves out the message that is to be left open
    public String render(List<Message> messages, Ending ending, Map<String, ?> more) {
        return render(messages, List.of(), ending, more);
    }

    /// The template's text: it shows what a model knows, such as in which form it calls tools.
    public String source() {
        return source;
    }

    /// Formats a conversation in which the model may call tools.
    ///
    /// @param tools as OpenAI's interface has them: `{"type": "function", "function": {...}}`; where there are none, the template is told
    ///     so
    /// @see #render(List, Ending, Map)
    public String render(
            List<Message> messages,
            List<Map<String, Object>> tools,
            Ending ending,
            Map<String, ?> more) {
        Map<String, Object> variables = new LinkedHashMap<>(specialTokens);
        variables.putAll(more);
        variables.put("messages", messages.stream().map(ChatTemplate::variables).toList());
        variables.put("tools", tools.isEmpty() ? null : tools);
        variables.put("documents", null);
        variables.put("add_generation_prompt", ending == Ending.ANSWER);
        try {
            String text = template.render(variables, clock);
            return ending == Ending.OPEN ? open(text, messages.getLast().content()) : text;
        } catch (TemplateException e) {
            throw new InvalidInputException(place + ": chat template: " + e.getMessage(), e);
        }
    }

    /// `text` up to the end of its last message, as transformers cuts it: behind the spaces at the message's end where the
    /// template keeps them.
    private static String open(String text, String last) {
        String stripped = Texts.strip(last);
        int at = text.lastIndexOf(stripped);
        if (at < 0) {
            throw new TemplateException(
                    "it leaves out or changes the last message, which is to be gone on with");
        }
        return text.startsWith(last, at)
                ? text.substring(0, at + last.length())
                : text.substring(0, at + stripped.length());
    }

    private static Map<String, Object> variables(Message message) {
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("role", message.role());
        variables.put("content", message.content());
        message.others().forEach(variables::putIfAbsent);
        return variables;
    }
}
