package org.wanda4j.text;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Sha256;

/// Documents of text, in the order of their source. As JSON it is its name, digest and documents.
public final class Corpus {

    private final String name;
    private final Supplier<Corpus> maker;
    private Optional<Content> content;

    /// @param sha256 of the source's bytes
    private record Content(String sha256, List<String> documents) {}

    /// @param name file or directory name of the source, without its path
    /// @param sha256 of the source's bytes, decompressed; of all files one after the other for a
    ///   directory. Behind them come the documents where the bytes do not say them all: a field was named, a chat template rendered them, or
    ///   they come from Parquet, which adds no bytes
    /// @param documents at least one
    @JsonCreator
    public Corpus(
            @JsonProperty("name") String name,
            @JsonProperty("sha256") String sha256,
            @JsonProperty("documents") List<String> documents) {
        this.name = name;
        this.maker = () -> this;
        this.content = Optional.of(new Content(sha256, List.copyOf(documents)));
        if (documents.isEmpty()) {
            throw new IllegalArgumentException(name + ": a corpus needs at least one document");
        }
    }

    private Corpus(String name, Supplier<Corpus> maker) {
        this.name = name;
        this.maker = maker;
        this.content = Optional.empty();
    }

    /// A text that is made when it is read for the first time, once: its digest too is not known before.
    ///
    /// @param maker what it throws is thrown by who reads the text
    public static Corpus later(String name, Supplier<Corpus> maker) {
        return new Corpus(name, maker);
    }

    /// File or directory name of the source, without its path.
    @JsonProperty
    public String name() {
        return name;
    }

    /// Digest of the text.
    @JsonProperty
    public String sha256() {
        return content().sha256();
    }

    /// At least one.
    @JsonProperty
    public List<String> documents() {
        return content().documents();
    }

    private synchronized Content content() {
        if (content.isEmpty()) {
            content = Optional.of(maker.get().content());
        }
        return content.get();
    }

    /// A source of a mixture.
    ///
    /// @param weight its share of the characters, of the sum of all weights; above 0
    public record Share(Corpus corpus, double weight) {

        /// @throws InvalidInputException when the weight is not above 0
        public Share {
            if (!(weight > 0 && weight < Double.POSITIVE_INFINITY)) {
                throw new InvalidInputException(
                        "%s: a weight must be above 0, not %s".formatted(corpus.name(), weight));
            }
        }
    }

    /// Documents that were made, not read.
    public static Corpus of(String name, List<String> documents) {
        MessageDigest digest = Sha256.begin();
        for (String document : documents) {
            digest.update(document.getBytes(StandardCharsets.UTF_8));
            digest.update((byte) 0);
        }
        return new Corpus(name, HexFormat.of().formatHex(digest.digest()), documents);
    }

    /// Whole documents of each source, in its order, taken when they are read for the first time so that the shares of characters are as near to the weights as they can be; ends
    /// where the next document of a source is missing.
    ///
    /// @param shares at least one
    public static Corpus mixed(List<Share> shares) {
        String name =
                shares.stream()
                        .map(share -> share.corpus().name() + ":" + share.weight())
                        .collect(Collectors.joining(","));
        return later(name, () -> of(name, documents(shares)));
    }

    private static List<String> documents(List<Share> shares) {
        List<String> documents = new ArrayList<>();
        int[] taken = new int[shares.size()];
        double[] progress = new double[shares.size()]; // characters / weight
        while (true) {
            int least = 0;
            for (int i = 1; i < progress.length; i++) {
                least = progress[i] < progress[least] ? i : least;
            }
            Share share = shares.get(least);
            if (taken[least] == share.corpus().documents().size()) {
                return documents;
            }
            String document = share.corpus().documents().get(taken[least]++);
            documents.add(document);
            progress[least] += document.length() / share.weight();
        }
    }

    /// Reads a file, or every file of a directory, by [TextSettings#PLAIN].
    ///
    /// @see #open(Path, TextSettings)
    public static Corpus open(Path source) {
        return open(source, TextSettings.PLAIN);
    }

    /// Reads a file, or every file of a directory whose extension is known, in the order of their
    /// names.
    ///
    /// `.txt` is one document, its line ends read as `\n`. `.jsonl` holds one JSON object a line, with the document in one of its fields:
    /// a text, or a list of messages, which the model's chat template renders. `.json` holds the same, or an array of such objects or of
    /// texts. These three may be compressed, with `.gz` or `.zst` behind. `.parquet` has a document a row, in a column. Extensions may be in
    /// capitals, and a byte order mark is no part of the text. Null is an empty document.
    ///
    /// @throws InvalidInputException when something cannot be read, or there is no text
    public static Corpus open(Path source, TextSettings settings) {
        return new CorpusReader(settings, CorpusReader.defaultLimit()).read(source);
    }

    /// Reads files, in this order.
    ///
    /// @param name of the source
    /// @throws InvalidInputException when something cannot be read, or there is no text
    public static Corpus open(String name, List<Path> files, TextSettings settings) {
        return new CorpusReader(settings, CorpusReader.defaultLimit()).read(name, files);
    }

    /// Whether a file of this name would be read of a directory.
    public static boolean reads(String name) {
        return CorpusReader.isText(name.substring(name.lastIndexOf('/') + 1));
    }

    /// Reads what a stream holds, to its end, and closes it: a text, JSON lines or a JSON array, gzipped or compressed by zstd or as it is, which is known by
    /// how it begins.
    ///
    /// @param name of the source, for messages
    /// @throws InvalidInputException when something cannot be read, or there is no text
    public static Corpus read(String name, InputStream in, TextSettings settings) {
        return new CorpusReader(settings, CorpusReader.defaultLimit()).readStream(name, in);
    }

    /// 1,200 documents of C4, the default for calibration.
    public static Corpus bundledCalibration() {
        return bundled("c4-sample.jsonl");
    }

    /// The test split of WikiText-2 in its raw form, the default for evaluation.
    public static Corpus bundledEvaluation() {
        return bundled("wikitext2-test.raw.txt");
    }

    private static Corpus bundled(String name) {
        String resource = name + ".gz";
        try (InputStream in = Corpus.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException(resource + " is missing beside " + Corpus.class);
            }
            var reader = new CorpusReader(TextSettings.PLAIN, CorpusReader.defaultLimit());
            reader.read(resource, in);
            return reader.corpus(name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// All documents as one text, an empty line between two.
    public String text() {
        return String.join("\n\n", documents());
    }

    /// Of the same name, digest and documents.
    @Override
    public boolean equals(Object other) {
        return other instanceof Corpus it && name.equals(it.name) && content().equals(it.content());
    }

    @Override
    public int hashCode() {
        return Objects.hash(name, content());
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT, "%s (%,d documents, sha256 %s)", name, documents().size(), sha256());
    }
}
