package org.wanda4j.hub;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.text.Corpus;

/// Which files of a repository are of use here.
final class WantedFiles {

    static final String INDEX = "model.safetensors.index.json";

    private static final String SINGLE = "model.safetensors";
    private static final String CONFIG = "config.json";

    /// Configuration, tokenizer, chat template, card and licence, which an output has too.
    private static final Pattern BESIDE_WEIGHTS =
            Pattern.compile("(?i).*\\.(json|jinja|model|txt|md)|(licen[sc]e|notice|use_policy).*");

    /// An index of weights in another format, or of another precision.
    private static final Pattern INDEX_OF_OTHERS = Pattern.compile(".*\\.index(\\..*)?\\.json");

    private static final String GGUF = ".gguf";
    private static final String TRAIN = "train";

    /// Bytes of a data set's files; what is read of them is held in memory.
    private static final long MOST_TEXT = 2_000_000_000;

    private static final int MOST_NAMES = 4;

    /// Forms of text, those first that say most of themselves: a repository may have one text in several.
    private static final List<Pattern> FORMS =
            Stream.of("parquet", "jsonl", "json", "txt")
                    .map(form -> Pattern.compile("(?i).*\\." + form + "(\\.gz|\\.zst)?"))
                    .toList();

    private WantedFiles() {}

    /// `config.json`.
    ///
    /// @throws InvalidInputException when there is none
    static List<RepoFile> configuration(HubId id, List<RepoFile> root) {
        return List.of(
                find(root, CONFIG)
                        .orElseThrow(() ->
                                new InvalidInputException(
                                        "%s: %s is not in it%s"
                                                .formatted(id, CONFIG, instead(root)))));
    }

    /// The index of a model whose weights are in several files; empty where they are in one.
    ///
    /// @throws InvalidInputException when there are no weights that can be read
    static Optional<RepoFile> index(HubId id, List<RepoFile> root) {
        if (find(root, SINGLE).isPresent()) {
            return Optional.empty();
        }
        Optional<RepoFile> index = find(root, INDEX);
        if (index.isEmpty()) {
            throw new InvalidInputException(
                    "%s: neither %s nor %s is in it%s".formatted(id, SINGLE, INDEX, instead(root)));
        }
        return index;
    }

    private static String instead(List<RepoFile> root) {
        if (root.stream().anyMatch(file -> ends(file, GGUF))) {
            return "; it holds GGUF files: take the model that they were made from, or one of them by what its name ends with, as :Q8_0 behind the id; there are "
                    + some(ggufs(root.stream().map(RepoFile::path).toList()));
        }
        if (root.stream().anyMatch(file -> ends(file, ".bin") || ends(file, ".pth"))) {
            return "; its weights are pickled (.bin, .pth), which can run code when read: look for a copy in safetensors";
        }
        return ": is it a model of transformers?";
    }

    /// The GGUF file of a model that `part` names: its name, with or without the extension, or what that ends with.
    ///
    /// @throws InvalidInputException when there is none, or there are several
    static RepoFile gguf(HubId id, List<RepoFile> root, String part) {
        String path = gguf(id.toString(), root.stream().map(RepoFile::path).toList(), part);
        return find(root, path).orElseThrow();
    }

    /// The same, of names.
    ///
    /// @param model what it is called in messages
    static String gguf(String model, List<String> paths, String part) {
        List<String> all = ggufs(paths);
        String wanted = stem(part);
        List<String> whole = all.stream().filter(path -> stem(path).equals(wanted)).toList();
        List<String> found =
                whole.isEmpty()
                        ? all.stream()
                                .filter(path ->
                                        stem(path).matches(".*[-._]" + Pattern.quote(wanted)))
                                .toList()
                        : whole;
        if (found.size() != 1) {
            throw new InvalidInputException(
                    "%s: %s GGUF file in it is called '%s': there are %s"
                            .formatted(
                                    model,
                                    found.isEmpty() ? "no" : "more than one",
                                    part,
                                    all.isEmpty() ? "none" : some(found.isEmpty() ? all : found)));
        }
        return found.getFirst();
    }

    private static List<String> ggufs(List<String> paths) {
        return paths.stream()
                .filter(path -> path.toLowerCase(Locale.ROOT).endsWith(GGUF))
                .sorted()
                .toList();
    }

    private static String stem(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return lower.endsWith(GGUF) ? lower.substring(0, lower.length() - GGUF.length()) : lower;
    }

    private static boolean ends(RepoFile file, String ending) {
        return file.path().toLowerCase(Locale.ROOT).endsWith(ending);
    }

    /// What a run of a model needs.
    ///
    /// @param index the index that was fetched, where there is one
    /// @throws InvalidInputException when the index cannot be used
    static List<RepoFile> ofModel(HubId id, List<RepoFile> root, Optional<Path> index) {
        Set<String> shards = index.map(it -> shards(it)).orElse(Set.of(SINGLE));
        for (String shard : shards) {
            if (find(root, shard).isEmpty()) {
                throw new InvalidInputException(
                        "%s: its index names %s, which is not in it".formatted(id, shard));
            }
        }
        return root.stream()
                .filter(file ->
                        shards.contains(file.path())
                                || (index.isPresent() && file.path().equals(INDEX))
                                || (BESIDE_WEIGHTS.matcher(file.path()).matches()
                                        && !INDEX_OF_OTHERS.matcher(file.path()).matches()))
                .toList();
    }

    private static Set<String> shards(Path index) {
        Set<String> names = new TreeSet<>();
        Json.read(index)
                .path("weight_map")
                .properties()
                .forEach(entry -> names.add(entry.getValue().asString("")));
        return names;
    }

    /// The files of a data set that hold text, in one form: Parquet, or else lines of JSON, or else JSON, or else texts.
    ///
    /// @param paths of its files
    /// @param part what a path begins with, or one of the names in it; where it is empty, `train` is taken where there is such a
    ///     part
    /// @throws InvalidInputException when there are none
    static List<String> ofText(HubId id, List<String> paths, Optional<String> part) {
        List<String> texts = paths.stream().filter(Corpus::reads).sorted().toList();
        if (texts.isEmpty()) {
            throw new InvalidInputException(
                    "%s: no file of text is in it: Parquet, .jsonl, .json or .txt".formatted(id));
        }
        List<String> chosen =
                texts.stream().filter(path -> isOf(path, part.orElse(TRAIN))).toList();
        if (chosen.isEmpty() && part.isPresent()) {
            throw new InvalidInputException(
                    "%s: no file of text in it begins with '%s': there are %s"
                            .formatted(id, part.get(), some(texts)));
        }
        List<String> all = chosen.isEmpty() ? texts : chosen;
        return FORMS.stream()
                .map(form -> all.stream().filter(path -> form.matcher(path).matches()).toList())
                .filter(files -> !files.isEmpty())
                .findFirst()
                .orElseThrow();
    }

    private static boolean isOf(String path, String part) {
        return path.startsWith(part) || path.contains("/" + part);
    }

    private static String some(List<String> paths) {
        return String.join(", ", paths.subList(0, Math.min(MOST_NAMES, paths.size())))
                + (paths.size() > MOST_NAMES ? ", ..." : "");
    }

    /// The same, as listed.
    ///
    /// @throws InvalidInputException when there are none, or too much to be read
    static List<RepoFile> filesOfText(HubId id, List<RepoFile> files, Optional<String> part) {
        List<String> paths = ofText(id, files.stream().map(RepoFile::path).toList(), part);
        Set<String> wanted = Set.copyOf(paths);
        List<RepoFile> chosen =
                files.stream().filter(file -> wanted.contains(file.path())).toList();
        long bytes = 0;
        for (RepoFile file : chosen) {
            bytes = Math.addExact(bytes, file.bytes());
        }
        if (bytes > MOST_TEXT) {
            throw new InvalidInputException(
                    "%s: %,d files of %,d MB, more than is read of a text; choose some by what their paths begin with: %s:%s"
                            .formatted(id, chosen.size(), bytes / 1_000_000, id, paths.getFirst()));
        }
        return chosen;
    }

    private static Optional<RepoFile> find(List<RepoFile> files, String path) {
        return files.stream().filter(file -> file.path().equals(path)).findFirst();
    }
}
