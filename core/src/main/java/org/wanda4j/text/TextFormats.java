package org.wanda4j.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Collection;
import java.util.function.BiConsumer;
import org.wanda4j.checkpoint.InvalidInputException;
import tools.jackson.databind.node.ObjectNode;

/// Formats of text files that need a library.
public interface TextFormats {

    /// Refuses both.
    TextFormats NONE =
            new TextFormats() {
                @Override
                public InputStream decompressZstd(InputStream in) {
                    throw new InvalidInputException(
                            "zstd is not read here; decompress the text first");
                }

                @Override
                public void forEachRow(
                        Path parquet,
                        Collection<String> fields,
                        BiConsumer<ObjectNode, String> use) {
                    throw new InvalidInputException(
                            parquet + ": Parquet is not read here; give the text as JSON lines");
                }
            };

    /// What zstd compressed to `in`. Closing it closes `in`.
    InputStream decompressZstd(InputStream in) throws IOException;

    /// Gives the rows of a Parquet file to `use`, in their order, each as a JSON object with its place for messages.
    ///
    /// @param fields what is read of a row where it is there; where none of them is, all of it is read
    /// @throws InvalidInputException when the file cannot be read
    void forEachRow(Path parquet, Collection<String> fields, BiConsumer<ObjectNode, String> use);
}
