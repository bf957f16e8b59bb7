package org.wanda4j.text;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.LineNumberReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.Sha256;
import org.wanda4j.checkpoint.Utf8;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Reads the documents of one corpus.
final class CorpusReader {

    private static final String TEXT = ".txt";
    private static final String LINES = ".jsonl";
    private static final String JSON = ".json";
    private static final String PARQUET = ".parquet";
    private static final String GZIP = ".gz";
    private static final String ZSTD = ".zst";
    private static final String KNOWN =
            "known are .txt, .jsonl and .json, as they are or with .gz or .zst behind, and .parquet";

    /// What Hugging Face's data sets have beside their text.
    private static final Set<String> DESCRIPTIONS =
            Set.of("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json");

    private static final List<String> USUAL_FIELDS = List.of("text", "messages", "conversations");

    private static final byte[] GZIP_MAGIC = {0x1f, (byte) 0x8b};
    private static final byte[] ZSTD_MAGIC = {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd};
    private static final byte[] PARQUET_MAGIC = {'P', 'A', 'R', '1'};
    private static final int BEGINNING = 1 << 10; // characters

    private final List<String> documents = new ArrayList<>();
    private final MessageDigest digest = Sha256.begin();
    private final TextSettings settings;
    private final List<String> fields;
    private final long limit;
    private boolean selected; // The bytes alone do not say which documents these are.
    private long bytes;
    private ChatDocuments chats;

    /// @param limit of decompressed bytes in all files together
    CorpusReader(TextSettings settings, long limit) {
        this.settings = settings;
        this.fields = settings.field().map(List::of).orElse(USUAL_FIELDS);
        this.selected = settings.field().isPresent();
        this.limit = limit;
    }

    /// A quarter of the heap, at most 1 GiB: what the documents, held as strings, leave room
    /// beside.
    static long defaultLimit() {
        return Math.min(Runtime.getRuntime().maxMemory() / 4, 1L << 30);
    }

    Corpus read(Path source) {
        Path name = source.toAbsolutePath().normalize().getFileName();
        return read(name == null ? source.toString() : name.toString(), files(source));
    }

    /// @param name of the source
    Corpus read(String name, List<Path> files) {
        for (Path file : files) {
            if (ends(file.toString(), PARQUET)) {
                settings.formats().forEachRow(file, fields, this::addRow);
                continue;
            }
            try (InputStream in = Files.newInputStream(file)) {
                read(file.toString(), in);
            } catch (IOException e) {
                throw unreadable(file.toString(), e);
            }
        }
        return corpus(name);
    }

    /// Adds a file.
    ///
    /// @param name with the extension that says how to read it
    void read(String name, InputStream in) throws IOException {
        if (!isKnown(name)) {
            throw new InvalidInputException(
                    name + ": a file that is not known to hold text; " + KNOWN);
        }
        InputStream plain =
                ends(name, GZIP)
                        ? new GZIPInputStream(in, 1 << 16)
                        : ends(name, ZSTD) ? settings.formats().decompressZstd(in) : in;
        String form = withoutCompression(name);
        read(name, plain, form.substring(form.lastIndexOf('.')));
    }

    /// The corpus in a stream, whose beginning says what it is.
    Corpus readStream(String name, InputStream in) {
        try {
            var stream = new BufferedInputStream(in);
            stream.mark(ZSTD_MAGIC.length);
            byte[] magic = stream.readNBytes(ZSTD_MAGIC.length);
            stream.reset();
            if (Arrays.equals(magic, PARQUET_MAGIC)) {
                throw new InvalidInputException(
                        name + ": Parquet is read from a file only; give its path");
            }
            boolean gzipped = Arrays.equals(Arrays.copyOf(magic, GZIP_MAGIC.length), GZIP_MAGIC);
            InputStream plain =
                    gzipped
                            ? new GZIPInputStream(stream, 1 << 16)
                            : Arrays.equals(magic, ZSTD_MAGIC)
                                    ? settings.formats().decompressZstd(stream)
                                    : stream;
            read(name, plain, "");
        } catch (IOException e) {
            throw unreadable(name, e);
        }
        return corpus(name);
    }

    /// @param form the extension that stands for it, in any case; empty where the beginning says it
    private void read(String name, InputStream plain, String form) throws IOException {
        try (BufferedReader reader = Utf8.reader(new Metered(plain, name), name)) {
            String beginning = beginning(reader);
            String known = form.isEmpty() ? form(beginning) : form.toLowerCase(Locale.ROOT);
            if (known.equals(TEXT)) {
                documents.add(withPlainLineEnds(reader.readAllAsString()));
            } else if (known.equals(JSON) && beginning.startsWith("[")) {
                readArray(name, reader);
            } else {
                readLines(name, reader);
            }
        } catch (CharacterCodingException e) {
            throw new InvalidInputException(name + ": not UTF-8; convert it first", e);
        }
    }

    /// JSON lines begin with an object, an array with an object or a text in it; else it is a text.
    private static String form(String beginning) {
        if (beginning.startsWith("{")) {
            return LINES;
        }
        String item = beginning.startsWith("[") ? beginning.substring(1).stripLeading() : "";
        return item.startsWith("{") || item.startsWith("\"") ? JSON : TEXT;
    }

    /// What a text begins with, without white space before it.
    private static String beginning(BufferedReader reader) throws IOException {
        char[] beginning = new char[BEGINNING];
        reader.mark(BEGINNING);
        int length = 0;
        int read = 0;
        while (read >= 0 && length < BEGINNING) {
            length += read;
            read = reader.read(beginning, length, BEGINNING - length);
        }
        reader.reset();
        return new String(beginning, 0, length).stripLeading();
    }

    /// What was read so far.
    Corpus corpus(String name) {
        if (documents.stream().allMatch(String::isBlank)) {
            throw new InvalidInputException(name + ": no text in it");
        }
        if (selected) {
            documents.forEach(document -> {
                digest.update(document.getBytes(StandardCharsets.UTF_8));
                digest.update((byte) 0);
            });
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
                            .filter(file -> isText(file.getFileName().toString()))
                            .sorted(Comparator.comparing(file -> file.getFileName().toString()))
                            .toList();
            if (files.isEmpty()) {
                throw new InvalidInputException(source + ": no file of text in it; " + KNOWN);
            }
            return files;
        } catch (IOException e) {
            throw unreadable(source.toString(), e);
        }
    }

    /// Whether a file of a directory is read.
    static boolean isText(String name) {
        return isKnown(name) && !DESCRIPTIONS.contains(name);
    }

    private static boolean isKnown(String name) {
        String form = withoutCompression(name);
        return ends(name, PARQUET) || ends(form, TEXT) || ends(form, LINES) || ends(form, JSON);
    }

    private static String withoutCompression(String name) {
        return ends(name, GZIP) || ends(name, ZSTD)
                ? name.substring(0, name.lastIndexOf('.'))
                : name;
    }

    private static boolean ends(String name, String ending) {
        return name.toLowerCase(Locale.ROOT).endsWith(ending);
    }

    /// Reads line ends as Python's `open` does, and with it the published evaluation.
    private static String withPlainLineEnds(String text) {
        return text.indexOf('\r') < 0 ? text : text.replace("\r\n", "\n").replace('\r', '\n');
    }

    private void readLines(String name, BufferedReader reader) throws IOException {
        var lines = new LineNumberReader(reader);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (!line.isBlank()) {
                String place = name + ":" + lines.getLineNumber();
                add(Json.parse(line.getBytes(StandardCharsets.UTF_8), place), place);
            }
        }
    }

    private void readArray(String name, BufferedReader reader) throws IOException {
        byte[] json = reader.readAllAsString().getBytes(StandardCharsets.UTF_8);
        int number = 0;
        for (JsonNode item : Json.parseArray(json, name)) {
            String place = "%s: item %d".formatted(name, ++number);
            if (item.isString()) {
                addText(item, place);
            } else if (item instanceof ObjectNode object) {
                add(object, place);
            } else {
                throw new InvalidInputException(place + ": neither an object nor a text");
            }
        }
    }

    private void addRow(ObjectNode row, String place) {
        selected = true;
        add(row, place);
        count(documents.getLast().length(), place);
    }

    /// Adds the document of the first field that holds one.
    private void add(ObjectNode object, String place) {
        JsonNode value =
                fields.stream()
                        .filter(object::hasNonNull)
                        .findFirst()
                        .or(() -> fields.stream().filter(object::has).findFirst())
                        .map(object::get)
                        .orElseThrow(() ->
                                noText(
                                        place,
                                        "it has " + String.join(", ", object.propertyNames())));
        if (value.isNull()) {
            documents.add("");
        } else if (value.isString()) {
            addText(value, place);
        } else if (value.isArray()) {
            addConversation(value, place);
        } else {
            throw noText(place, "that holds something else");
        }
    }

    private InvalidInputException noText(String place, String found) {
        String names = fields.stream().map("\"%s\""::formatted).collect(Collectors.joining(" or "));
        return new InvalidInputException(
                "%s: needs a text or a list of messages in its field %s, but %s; --text-field names another"
                        .formatted(place, names, found));
    }

    private void addText(JsonNode text, String place) {
        String document = text.stringValue();
        requirePairs(document, place);
        documents.add(document);
    }

    private void addConversation(JsonNode messages, String place) {
        if (chats == null) {
            chats =
                    settings.model()
                            .map(ChatDocuments::of)
                            .orElseThrow(() ->
                                    new InvalidInputException(
                                            place
                                                    + ": messages need a model, whose chat template renders them"));
        }
        selected = true;
        String document = chats.document(messages, place);
        requirePairs(document, place);
        count(document.length(), place);
        documents.add(document);
    }

    private static void requirePairs(String document, String place) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(document)) {
            throw new InvalidInputException(
                    place + ": an escape in the text is half of a surrogate pair");
        }
    }

    private void count(int more, String place) {
        bytes += more;
        if (bytes > limit) {
            throw new InvalidInputException(
                    String.format(
                            Locale.ROOT,
                            "%s: more than the %,d MiB of text that this heap has room for;"
                                    + " give a sample, or a larger -Xmx",
                            place,
                            limit >> 20));
        }
    }

    private static InvalidInputException unreadable(String name, IOException e) {
        String reason =
                e instanceof NoSuchFileException ? "no such file or directory" : e.getMessage();
        return new InvalidInputException(name + ": cannot be read: " + reason, e);
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
                count(count, name);
            }
            return count;
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }
}
