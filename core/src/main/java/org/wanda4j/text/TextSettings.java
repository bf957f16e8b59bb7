package org.wanda4j.text;

import java.nio.file.Path;
import java.util.Optional;

/// How documents are taken from files.
///
/// @param field of JSON objects and of Parquet rows that holds the document; empty: `text`, or else `messages`
/// @param model directory of the model whose chat template renders conversations; empty where there are none
/// @param formats reads what needs a library that this module does without
public record TextSettings(Optional<String> field, Optional<Path> model, TextFormats formats) {

    /// Of the field `text`, without conversations, zstd and Parquet.
    public static final TextSettings PLAIN =
            new TextSettings(Optional.empty(), Optional.empty(), TextFormats.NONE);
}
