package org.wanda4j.text;

import java.io.IOException;
import java.io.InputStream;
import java.io.LineNumberReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.Sha256;
import org.wanda4j.checkpoint.Utf8;
import tools.jackson.databind.JsonNode;

/// Reads the documents of a corpus from its files.
final class CorpusReader {

    private static final List<String> TEXT = List.of(".txt", ".txt.gz");
    private static final List<String> LINES = List.of(".jsonl", ".jsonl.gz", ".json.gz");
    private static final String KNOWN =
            "known are " + String.join(", ", TEXT) + ", " + String.join(", ", LINES);

    private final List<String> documents = new ArrayList<>();
    private final MessageDigest digest = Sha256.begin();
    private final long limit;
    private long bytes;

    /// @param limit of decompressed bytes in all files together
    CorpusReader(long limit) {
        this.limit = limit;
    }

    /// A quarter of the heap, at most 1 GiB: what the documents, held as strings, leave room
    /// beside.
    static long defaultLimit() {
        return Math.min(Runtime.getRuntime().maxMemory() / 4, 1L << 30);
    }

    Corpus read(Path source) {
        for (Path file : files(source)) {
            try (InputStream in = Files.newInputStream(file)) {
                read(file.toString(), in);
            } catch (IOException e) {
                throw unreadable(file, e);
            }
        }
        Path name = source.toAbsolutePath().normalize().getFileName();
        return corpus(name == null ? source.toString() : name.toString());
    }

    /// Adds a file.
    ///
    /// @param name with the extension that says how to read it
    void read(String name, InputStream in) throws IOException {
        if (!isKnown(name)) {
            throw new InvalidInputException(
                    name + ": a file that is not known to hold text; " + KNOWN);
        }
        try (InputStream plain = ends(name, ".gz") ? new GZIPInputStream(in, 1 << 16) : in;
                Reader reader = Utf8.reader(new Metered(plain, name), name)) {
            if (TEXT.stream().anyMatch(ending -> ends(name, ending))) {
                documents.add(withPlainLineEnds(reader.readAllAsString()));
            } else {
                readLines(name, reader);
            }
        } catch (CharacterCodingException e) {
            throw new InvalidInputException(name + ": not UTF-8; convert it first", e);
        }
    }

    /// What was read so far.
    Corpus corpus(String name) {
        if (documents.stream().allMatch(String::isBlank)) {
            throw new InvalidInputException(name + ": no text in it");
        }
        return new Corpus(name, HexFormat.of().formatHex(digest.digest()), documents);
    }

    private static List<Path> files(Path source) {
        if (!Files.isDirectory(source)) {
            return List.of(source);
        }
        try (Stream<Path> entries = Files.list(source)) {
            List<Path> files =
                    entries.filter(Files::isRegularFile)
                            .filter(file -> isKnown(file.getFileName().toString()))
                            .sorted(Comparator.comparing(file -> file.getFileName().toString()))
                            .toList();
            if (files.isEmpty()) {
                throw new InvalidInputException(source + ": no file of text in it; " + KNOWN);
            }
            return files;
        } catch (IOException e) {
            throw unreadable(source, e);
        }
    }

    private static boolean isKnown(String name) {
        return Stream.concat(TEXT.stream(), LINES.stream()).anyMatch(ending -> ends(name, ending));
    }

    private static boolean ends(String name, String ending) {
        return name.toLowerCase(Locale.ROOT).endsWith(ending);
    }

    /// Reads line ends as Python's `open` does, and with it the published evaluation.
    private static String withPlainLineEnds(String text) {
        return text.indexOf('\r') < 0 ? text : text.replace("\r\n", "\n").replace('\r', '\n');
    }

    private void readLines(String name, Reader reader) throws IOException {
        var lines = new LineNumberReader(reader);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (!line.isBlank()) {
                documents.add(document(line, name + ":" + lines.getLineNumber()));
            }
        }
    }

    private static String document(String line, String place) {
        JsonNode text = Json.parse(line.getBytes(StandardCharsets.UTF_8), place).path("text");
        if (!text.isString()) {
            throw new InvalidInputException(
                    place + ": every line needs an object with a string in its field \"text\"");
        }
        String document = text.stringValue();
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(document)) {
            throw new InvalidInputException(
                    place + ": an escape in \"text\" is half of a surrogate pair");
        }
        return document;
    }

    private static InvalidInputException unreadable(Path path, IOException e) {
        String reason =
                e instanceof NoSuchFileException ? "no such file or directory" : e.getMessage();
        return new InvalidInputException(path + ": cannot be read: " + reason, e);
    }

    /// Counts and digests the bytes that are read, up to the limit: a small archive can decompress to a large text.
    private final class Metered extends InputStream {

        private final InputStream in;
        private final String name;

        Metered(InputStream in, String name) {
            this.in = in;
            this.name = name;
        }

        @Override
        public int read() throws IOException {
            var one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int count = in.read(buffer, offset, length);
            if (count > 0) {
                digest.update(buffer, offset, count);
                bytes += count;
                if (bytes > limit) {
                    throw new InvalidInputException(
                            String.format(
                                    Locale.ROOT,
                                    "%s: more than the %,d MiB of text that this heap has room for;"
                                            + " give a sample, or a larger -Xmx",
                                    name,
                                    limit >> 20));
                }
            }
            return count;
        }
    }
}
