package org.wanda4j.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// Turns ids into text as they come. What it gives, one piece after the other, is what the tokenizer gives for all ids
/// at once; special tokens give nothing.
///
/// How a token reads depends on whether one stands before it: many tokenizers write the space before a word into its token
/// (`▁Paris`), and leave it out where a text begins. So a token is decoded behind the one before. A character can
/// take several tokens; their bytes are held back until it is complete. Bytes that are no character give U+FFFD.
public final class Detokenizer {

    private final Tokenizer tokenizer;

    /// The last token that is no special one, where there is one, and what it reads alone.
    private int[] before = {};

    private String textBefore = "";

    /// Bytes of a character that is not complete.
    private byte[] held = {};

    /// What a token gives.
    ///
    /// @param text what is certain with it: its own, less what is held back, and what was held back before it
    /// @param bytes the token's own; empty for a special token
    public record TokenText(String text, byte[] bytes) {}

    /// Starts a text of its own.
    public Detokenizer(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /// Goes on with a text. Where it ends within a character, that character is the first of what follows.
    ///
    /// @param text its ids
    public Detokenizer(Tokenizer tokenizer, int[] text) {
        this(tokenizer);
        int from = text.length;
        boolean apart = false; // whether what stands before `from` does not matter
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

    /// Takes the next id.
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

    /// What [#append] would give, but that a special token reads as it is written.
    public TokenText preview(int id) {
        Optional<byte[]> bytes = tokenizer.bytes(id);
        if (bytes.isPresent()) {
            return new TokenText(Characters.of(held, bytes.get()).text(), bytes.get());
        }
        String text = textOf(id);
        String own = text.isEmpty() ? written(id) : text;
        return new TokenText(replaced(held) + own, utf8(own));
    }

    /// Whether bytes of a character that is not complete are held back.
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
