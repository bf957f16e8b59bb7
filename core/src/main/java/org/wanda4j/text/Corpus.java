package org.wanda4j.text;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.wanda4j.checkpoint.InvalidInputException;

/// Documents of text, in the order of their source.
///
/// @param name file or directory name of the source, without its path
/// @param sha256 of the source's bytes, decompressed; of all files one after the other for a
///   directory
/// @param documents at least one
public record Corpus(String name, String sha256, List<String> documents) {

    /// Checks that there is a document.
    public Corpus {
        documents = List.copyOf(documents);
        if (documents.isEmpty()) {
            throw new IllegalArgumentException(name + ": a corpus needs at least one document");
        }
    }

    /// Reads a file, or every file of a directory whose extension is known, in the order of their
    /// names.
    ///
    /// `.txt` is one document, its line ends read as `\n`; `.jsonl` and `.json.gz` hold one JSON
    /// object a line with the document in its field `text`. `.txt` and `.jsonl` may be gzipped,
    /// with `.gz` behind. Extensions may be in capitals, and a byte order mark is no part of the text.
    ///
    /// @throws InvalidInputException when something cannot be read, or there is no text
    public static Corpus open(Path source) {
        return new CorpusReader(CorpusReader.defaultLimit()).read(source);
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
            var reader = new CorpusReader(CorpusReader.defaultLimit());
            reader.read(resource, in);
            return reader.corpus(name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// All documents as one text, an empty line between two.
    public String text() {
        return String.join("\n\n", documents);
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT, "%s (%,d documents, sha256 %s)", name, documents.size(), sha256);
    }
}
