package org.wanda4j.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/// Tokens that encode bytes rather than whole characters: those of byte fallback, `<0xE2>`, and those of a byte-level vocabulary
/// that begin or end within a character.
final class ByteTokens {

    private static final Pattern FALLBACK = Pattern.compile("<0x([0-9A-Fa-f]{2})>");

    /// Byte of a character of a byte-level vocabulary, or -1: GPT-2's table. Printable characters of Latin-1 are their own byte; those
    /// from 256 on are the other bytes, in ascending order.
    private static final int[] BYTES = bytes();

    private final Map<Integer, String> vocabulary;
    private final boolean byteLevel;
    private final boolean fallback;

    ByteTokens(TokenizerDefinition definition) {
        this.byteLevel = definition.decodesBy("ByteLevel");
        this.fallback = definition.decodesBy("ByteFallback");
        this.vocabulary = byteLevel || fallback ? definition.vocabulary() : Map.of();
    }

    private static int[] bytes() {
        int[] bytes = new int[2 * 256];
        Arrays.fill(bytes, -1);
        int next = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = (b > ' ' && b < 0x7f) || (b > 0xa0 && b != 0xad);
            bytes[printable ? b : next++] = b;
        }
        return bytes;
    }

    /// The bytes of token `id`, if it is such a token.
    Optional<byte[]> of(int id) {
        String token = vocabulary.get(id);
        if (token == null) {
            return Optional.empty();
        }
        Optional<byte[]> one = fallback ? fallback(token) : Optional.empty();
        return one.isEmpty() && byteLevel ? partOfACharacter(token) : one;
    }

    private static Optional<byte[]> fallback(String token) {
        var hexadecimal = FALLBACK.matcher(token);
        return hexadecimal.matches()
                ? Optional.of(new byte[] {(byte) Integer.parseInt(hexadecimal.group(1), 16)})
                : Optional.empty();
    }

    /// A token with another character is written as it is, and so a text.
    private static Optional<byte[]> partOfACharacter(String token) {
        var bytes = new ByteArrayOutputStream(token.length());
        for (int i = 0; i < token.length(); i++) {
            char c = token.charAt(i);
            if (c >= BYTES.length || BYTES[c] < 0) {
                return Optional.empty();
            }
            bytes.write(BYTES[c]);
        }
        byte[] own = bytes.toByteArray();
        byte[] whole = new String(own, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_8);
        return Arrays.equals(own, whole) ? Optional.empty() : Optional.of(own);
    }
}
