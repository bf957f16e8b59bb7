package org.wanda4j.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// A tokenizer for the tiny model in the way of SentencePiece: a word brings the space before it, which the first one of a text
/// loses, and what is no word is bytes. It has a token to pad with for which the model has no row.
public final class OtherTokenizer {

    /// Rows of the model's embedding, and the id of the token that has none.
    public static final int ROWS = 2048;

    /// The ids from here on are words, ` w259` and so on.
    public static final int FIRST_WORD = 3 + 256;

    private OtherTokenizer() {}

    /// Puts it into a directory in the place of the one that is there.
    public static void put(Path directory) throws IOException {
        String bytes =
                IntStream.range(0, 256)
                        .mapToObj(b -> "\"<0x%02X>\": %d".formatted(b, 3 + b))
                        .collect(Collectors.joining(","));
        String words =
                IntStream.range(FIRST_WORD, ROWS)
                        .mapToObj(id -> "\"\u2581w%d\": %d".formatted(id, id))
                        .collect(Collectors.joining(","));
        String added =
                """
                {"id": %d, "content": "%s", "special": true, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false}\
                """;
        Files.writeString(
                directory.resolve("tokenizer.json"),
                """
                {"added_tokens": [%s, %s, %s],
                 "decoder": {"type": "Sequence", "decoders": [
                    {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                    {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                 "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>", "merges": [],
                    "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, %s, %s}}}
                """
                        .formatted(
                                added.formatted(0, "<unk>"),
                                added.formatted(1, "<s>"),
                                added.formatted(ROWS, "[PAD]"),
                                bytes,
                                words));
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
    }
}
