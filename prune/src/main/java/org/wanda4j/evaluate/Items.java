package org.wanda4j.evaluate;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.Utf8;
import org.wanda4j.data.ParquetRows;
import tools.jackson.databind.JsonNode;

/// A file of items, an object each: lines of JSON, or rows of Parquet.
final class Items {

    private static final long LARGEST_FILE = 200_000_000;
    private static final byte[] PARQUET = {'P', 'A', 'R', '1'};
    private static final byte[] GZIP = {0x1f, (byte) 0x8b};

    private Items() {}

    /// Takes an item.
    @FunctionalInterface
    interface Use {

        /// @param place file and number of the line or row, from 1, for messages
        void accept(JsonNode item, String place);
    }

    /// Gives the first `limit` items to `use`.
    ///
    /// @throws InvalidInputException when the file cannot be read, or is neither kind
    static void forEach(Path file, int limit, Use use) {
        try {
            if (Files.size(file) > LARGEST_FILE) {
                throw new InvalidInputException(
                        file + ": larger than " + LARGEST_FILE + " bytes; give a part of it");
            }
            if (beginsWith(GZIP, file)) {
                throw new InvalidInputException(file + ": gzipped; unpack it first (gunzip)");
            }
            if (beginsWith(PARQUET, file)) {
                ParquetRows.forEach(file, List.of(), limit, ParquetRows.PATIENCE, use::accept);
            } else {
                lines(file, limit, use);
            }
        } catch (CharacterCodingException e) {
            throw new InvalidInputException(
                    file + ": not a text in UTF-8; unpack or convert it first", e);
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot read " + file + ": no such file, or not to be read", e);
        }
    }

    private static boolean beginsWith(byte[] bytes, Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return Arrays.equals(in.readNBytes(bytes.length), bytes);
        }
    }

    private static void lines(Path file, int limit, Use use) throws IOException {
        try (BufferedReader lines = Utf8.reader(Files.newInputStream(file), file.toString())) {
            int number = 0;
            int items = 0;
            for (String line = lines.readLine();
                    line != null && items < limit;
                    line = lines.readLine()) {
                number++;
                if (!line.isBlank()) {
                    String place = file + ":" + number;
                    use.accept(Json.parse(line.getBytes(StandardCharsets.UTF_8), place), place);
                    items++;
                }
            }
        }
    }
}
