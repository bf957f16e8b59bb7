package org.wanda4j.text;

import java.util.ArrayList;
import java.util.List;

/// Turns ids into text as they come. What it gives, one piece after the other, is what the tokenizer gives for all ids
/// at once; special tokens give nothing.
///
/// A character can take several ids, and how an id reads can depend on the one before it (a leading space). So ids are
/// decoded together with those of the piece before, and text that may still be half a character is held back.
public final class Detokenizer {

    /// What a decoder makes of bytes that are no character, or not yet one.
    private static final String REPLACEMENT = "\ufffd";

    private final Tokenizer tokenizer;
    private final List<Integer> ids = new ArrayList<>();

    /// How many of `ids` the piece before took, and their text.
    private int given;

    private String context = "";

    /// Starts a text.
    public Detokenizer(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /// Takes the next id.
    ///
    /// @return the text that is now certain; often empty
    public String append(int id) {
        ids.add(id);
        String text = tokenizer.decodeText(ids);
        if (text.length() <= context.length() || text.endsWith(REPLACEMENT)) {
            return "";
        }
        String piece = text.substring(context.length());
        ids.subList(0, given).clear();
        given = ids.size();
        context = tokenizer.decodeText(ids);
        return piece;
    }

    /// The text that was held back. Nothing may be appended after it.
    public String finish() {
        return tokenizer.decodeText(ids).substring(context.length());
    }
}
