package org.wanda4j.text.jinja;

/// A piece of a template.
///
/// @param text what it says: of a string its content, of data the data itself
/// @param line where it stands, from 1
record Token(Kind kind, String text, int line) {

    /// What a piece is.
    enum Kind {
        DATA,
        OUTPUT_BEGIN,
        OUTPUT_END,
        BLOCK_BEGIN,
        BLOCK_END,
        NAME,
        STRING,
        INTEGER,
        FLOAT,
        OPERATOR,
        END
    }

    boolean is(Kind expected, String expectedText) {
        return kind == expected && text.equals(expectedText);
    }
}
