package org.wanda4j.text;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ModelDirectory;

/// The tokenizer of a checkpoint: text to ids and back, the same ids that transformers gives.
///
/// Holds native memory until it is closed. Thread-safe.
///
/// Sets the system property `ai.djl.offline` of the process to `true`, unless the program has set it: the library beneath
/// would look for CUDA builds on the network and report to its authors.
public final class Tokenizer implements AutoCloseable {

    static {
        System.getProperties().putIfAbsent("ai.djl.offline", "true");
    }

    private static final Map<String, String> WHOLE_TEXTS =
            Map.of("addSpecialTokens", "true", "truncation", "false", "padding", "false");

    private final Path file;
    private final HuggingFaceTokenizer tokenizer;
    private final int vocabularySize;
    private final ByteTokens byteTokens;
    private final NamedTokens named;

    private Tokenizer(
            Path file,
            HuggingFaceTokenizer tokenizer,
            TokenizerDefinition definition,
            NamedTokens named) {
        this.file = file;
        this.tokenizer = tokenizer;
        this.vocabularySize = definition.vocabularySize();
        this.byteTokens = new ByteTokens(definition);
        this.named = named;
    }

    /// Loads the native library, where it can be. [#open(Path)] does it too, and says why it cannot.
    public static void loadLibrary() {
        try {
            LibUtils.checkStatus();
        } catch (EngineException | LinkageError e) {
            // It is said where a tokenizer is opened.
        }
    }

    /// Opens `tokenizer.json` of a model directory, with what `tokenizer_config.json` says of BOS
    /// and EOS where transformers would follow it.
    ///
    /// @throws InvalidInputException when there is no `tokenizer.json`, or it is not a tokenizer
    public static Tokenizer open(Path given) {
        Path modelDirectory = ModelDirectory.of(given);
        // The native library ends the process on some texts that are wrong: this reads them first.
        TokenizerDefinition definition = TokenizerDefinition.of(modelDirectory).read();
        LegacyTokenizer.of(modelDirectory).ifPresent(definition::change);
        NamedTokens named = NamedTokens.of(modelDirectory, definition);
        Path file = modelDirectory.resolve(TokenizerDefinition.FILE);
        return new Tokenizer(file, parse(definition, file), definition, named);
    }

    private static HuggingFaceTokenizer parse(TokenizerDefinition definition, Path file) {
        try (InputStream json = definition.json()) {
            return HuggingFaceTokenizer.newInstance(json, WHOLE_TEXTS);
        } catch (EngineException | LinkageError e) {
            throw new InvalidInputException(
                    "the native tokenizer library does not load here; it runs on Linux (x86_64,"
                            + " aarch64), macOS (aarch64) and Windows (x86_64): "
                            + firstLine(e),
                    e);
        } catch (IOException | RuntimeException e) {
            throw new InvalidInputException(
                    file + ": not a tokenizer that can be used: " + firstLine(e), e);
        }
    }

    /// Errors of a definition may be found only when it is used.
    private <T> T using(Function<HuggingFaceTokenizer, T> use) {
        try {
            return use.apply(tokenizer);
        } catch (RuntimeException e) {
            throw new InvalidInputException(
                    file + ": not a tokenizer that can be used: " + firstLine(e), e);
        }
    }

    private static String firstLine(Throwable e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }

    /// The ids of a text of any length, never truncated or padded, with the special tokens that the
    /// tokenizer adds by default.
    ///
    /// @throws InvalidInputException when half of a surrogate pair stands alone in `text`, or `tokenizer.json` is invalid
    public int[] encode(String text) {
        return encode(text, true);
    }

    /// The ids of a text that contains its special tokens, as a rendered chat template does: none are added.
    ///
    /// @throws InvalidInputException when half of a surrogate pair stands alone in `text`, or `tokenizer.json` is invalid
    public int[] encodeAsWritten(String text) {
        return encode(text, false);
    }

    private int[] encode(String text, boolean addSpecialTokens) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new InvalidInputException("the text holds half of a surrogate pair");
        }
        return using(it ->
                Arrays.stream(it.encode(text, addSpecialTokens, false).getIds())
                        .mapToInt(Math::toIntExact)
                        .toArray());
    }

    /// The text of some ids, special tokens included; unknown ids add nothing.
    public String decode(int[] ids) {
        return using(it -> it.decode(Arrays.stream(ids).asLongStream().toArray(), false));
    }

    /// The text of some ids without special tokens.
    public String decodeText(int... ids) {
        return using(it -> it.decode(Arrays.stream(ids).asLongStream().toArray(), true));
    }

    /// The bytes of a token that encodes bytes rather than whole characters.
    Optional<byte[]> bytes(int id) {
        return byteTokens.of(id);
    }

    /// The token that a text begins with: `bos_token` of `tokenizer_config.json`, where it names one.
    public OptionalInt begin() {
        return named.begin();
    }

    /// The token that ends a text or a turn: `eos_token` of `tokenizer_config.json`, where it names one.
    public OptionalInt end() {
        return named.end();
    }

    /// Ids lie in [0, vocabularySize): the highest id that the vocabulary or an added token has,
    /// plus 1.
    ///
    /// The embedding of a model may have more rows, and must not have fewer.
    public int vocabularySize() {
        return vocabularySize;
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
