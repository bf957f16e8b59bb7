package org.wanda4j.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/// Recognises, by its first bytes, a file that was given in place of another one, and says the mend.
final class WrongFile {

    /// Bytes that are looked at.
    static final int BEGINNING = 64;

    static final String PICKLED =
            "pickled weights (.bin, .pt) can run code when read and are not supported: save the model with transformers' save_pretrained(..., safe_serialization=True)";
    static final String GGUF = "give the path of that file itself as the model";

    private static final String POINTER = "version https://git-lfs.github.com/spec/";

    private WrongFile() {}

    /// What a file is that begins with `bytes`; empty where that is not known. Reads as the end of "the file is ...".
    static Optional<String> by(byte[] bytes) {
        String beginning =
                new String(
                        Arrays.copyOf(bytes, Math.min(bytes.length, BEGINNING)),
                        StandardCharsets.ISO_8859_1);
        String lower = beginning.stripLeading().toLowerCase(Locale.ROOT);
        if (isPointer(beginning)) {
            return Optional.of(
                    "a git-lfs pointer, not the file itself: fetch that with 'git lfs pull'");
        }
        if (beginning.startsWith("GGUF")) {
            return Optional.of("a GGUF file: " + GGUF);
        }
        if (beginning.startsWith("PK\3\4") || beginning.startsWith("\200\2")) {
            return Optional.of("a file of PyTorch's: " + PICKLED);
        }
        if (beginning.startsWith("\37\213")) {
            return Optional.of("gzipped: unpack it first, with gunzip");
        }
        if (lower.startsWith("<!doctype html") || lower.startsWith("<html")) {
            return Optional.of(
                    "a web page, not the file itself: the link was wrong, or needs a login");
        }
        return Optional.empty();
    }

    /// Whether a text is what git leaves in place of a large file.
    static boolean isPointer(String text) {
        return text.startsWith(POINTER);
    }
}
