package org.wanda4j.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// Decodes ids incrementally. The pieces add up to the text that the tokenizer decodes from all ids at once; special tokens add
/// nothing.
///
/// The text of a token depends on the one before: many tokenizers put the space before a word into its token (`▁Paris`), and leave it
/// out at the beginning of a text. So each token is decoded behind the one before. A character can
/// take several tokens; their bytes are held back until it is complete. Invalid bytes become U+FFFD.
public final class Detokenizer {

    private static final Pattern LETTER = Pattern.compile("[a-z]");

    private final Tokenizer tokenizer;

    /// The last token that is not special, if any, and its text alone.
    private int[] before = {};

    private String textBefore = "";

    /// Bytes of an incomplete character.
    private byte[] held = {};

    /// The text of a token.
    ///
    /// @param text that it completes: its own and that held back before, but for an incomplete character at its end
    /// @param bytes the token's own; empty for a special token
    public record TokenText(String text, byte[] bytes) {}

    /// For a text that stands alone.
    public Detokenizer(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /// For the continuation of a text. A character that it ends within is completed by the continuation.
    ///
    /// @param text its ids
    public Detokenizer(Tokenizer tokenizer, int[] text) {
        this(tokenizer);
        int from = text.length;
        boolean apart = false; // whether tokens before `from` do not matter
        while (from > 0 && !apart) {
            from--;
            apart =
                    tokenizer.bytes(text[from]).isEmpty()
                            && !tokenizer.decodeText(text[from]).isEmpty();
        }
        for (int i = from; i < text.length; i++) {
            append(text[i]);
        }
    }

    /// The bytes that each token adds within a text, by id; none for a special token.
    ///
    /// @param count of ids, from 0
    public static byte[][] vocabulary(Tokenizer tokenizer, int count) {
        Detokenizer within = new Detokenizer(tokenizer);
        IntStream.range(0, count)
                .filter(id ->
                        tokenizer.bytes(id).isEmpty()
                                && LETTER.matcher(tokenizer.decodeText(id)).matches())
                .findFirst()
                .ifPresent(within::follow);
        return IntStream.range(0, count)
                .mapToObj(id -> tokenizer.bytes(id).orElseGet(() -> utf8(within.textOf(id))))
                .toArray(byte[][]::new);
    }

    /// Decodes the next id.
    public TokenText append(int id) {
        Optional<byte[]> bytes = tokenizer.bytes(id);
        if (bytes.isPresent()) {
            Characters read = Characters.of(held, bytes.get());
            held = read.rest();
            follow(id);
            return new TokenText(read.text(), bytes.get());
        }
        String own = textOf(id);
        if (own.isEmpty()) {
            if (before.length == 0 && written(id).isEmpty()) {
                follow(id); // a space that is left out, the first of several
            }
            return new TokenText("", new byte[0]);
        }
        String text = finish() + own;
        follow(id);
        return new TokenText(text, utf8(own));
    }

    /// What [#append] would return, but for a special token its name.
    public TokenText preview(int id) {
        Optional<byte[]> bytes = tokenizer.bytes(id);
        if (bytes.isPresent()) {
            return new TokenText(Characters.of(held, bytes.get()).text(), bytes.get());
        }
        String text = textOf(id);
        String own = text.isEmpty() ? written(id) : text;
        return new TokenText(replaced(held) + own, utf8(own));
    }

    /// Whether bytes of an incomplete character are held back.
    public boolean holds() {
        return held.length > 0;
    }

    /// The text that was held back. Nothing may be appended after it.
    public String finish() {
        String text = replaced(held);
        held = new byte[0];
        return text;
    }

    private void follow(int id) {
        before = new int[] {id};
        textBefore = tokenizer.decodeText(id);
    }

    private String textOf(int id) {
        if (before.length == 0) {
            return tokenizer.decodeText(id);
        }
        String both = tokenizer.decodeText(before[0], id);
        return both.substring(Math.min(textBefore.length(), both.length()));
    }

    private String written(int id) {
        return tokenizer.decode(new int[] {id});
    }

    private static String replaced(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /// Bytes as far as they are complete characters.
    ///
    /// @param rest of one that is not complete
    private record Characters(String text, byte[] rest) {

        static Characters of(byte[] held, byte[] more) {
            ByteBuffer bytes =
                    ByteBuffer.allocate(held.length + more.length).put(held).put(more).flip();
            CharBuffer text = CharBuffer.allocate(bytes.remaining());
            CharsetDecoder decoder =
                    StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPLACE);
            decoder.decode(bytes, text, false);
            byte[] rest = new byte[bytes.remaining()];
            bytes.get(rest);
            return new Characters(text.flip().toString(), rest);
        }
    }
}
