package org.wanda4j.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// Finds the directory of a model, and explains the most frequent mistakes, with their mend.
public final class ModelDirectory {

    private static final String WANTED =
            "give the folder that holds config.json and " + Checkpoint.SINGLE;
    private static final String SNAPSHOTS = "snapshots";
    private static final Pattern HUB_ID =
            Pattern.compile("(?:https?:/+[^/]+/)?([A-Za-z0-9][\\w.-]*)/([A-Za-z0-9][\\w.-]*)");
    private static final int MOST_NAMES = 4;

    private ModelDirectory() {}

    /// The directory of the model at `given`: that itself, or the one snapshot of a folder of the Hugging Face cache,
    /// `models--org--name` or its `snapshots`; of a GGUF file, a directory with the same model in the user's cache.
    ///
    /// @throws InvalidInputException when `given` is no directory and no GGUF file, or does not have just one snapshot
    public static Path of(Path given) {
        if (GgufDirectory.is(given)) {
            return GgufCache.of(System.getenv()).of(given, ByteProgress.NONE);
        }
        if (!Files.isDirectory(given)) {
            throw new InvalidInputException(
                    given + (Files.exists(given) ? file(given) : nothing(given)));
        }
        Path snapshots =
                given.toAbsolutePath().normalize().endsWith(SNAPSHOTS)
                        ? given
                        : given.resolve(SNAPSHOTS);
        if (Files.exists(given.resolve("config.json")) || !Files.isDirectory(snapshots)) {
            return given;
        }
        List<Path> found = list(snapshots).stream().filter(Files::isDirectory).toList();
        if (found.size() != 1) {
            throw new InvalidInputException(
                    given
                            + ": a folder of the Hugging Face cache with "
                            + (found.isEmpty()
                                    ? "no snapshot in it: download the model again"
                                    : found.size() + " snapshots: give one of " + names(found)));
        }
        return found.getFirst();
    }

    /// Imports a GGUF file, so that [#of] finds its directory; leaves alone what is none.
    ///
    /// @throws InvalidInputException when it is not read here, or the directory cannot be made
    public static void prepare(Path given, ByteProgress progress) {
        if (GgufDirectory.is(given)) {
            GgufCache.of(System.getenv()).of(given, progress);
        }
    }

    private static String nothing(Path given) {
        Matcher id = HUB_ID.matcher(given.toString());
        boolean isId = id.matches() && !Files.isDirectory(given.toAbsolutePath().getParent());
        return ": no such directory; "
                + (isId
                        ? "a model of the Hugging Face Hub is fetched first: wanda fetch %s/%s"
                                .formatted(id.group(1), id.group(2))
                        : WANTED);
    }

    private static String file(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            Optional<String> kind = WrongFile.by(in.readNBytes(WrongFile.BEGINNING));
            if (kind.isPresent()) {
                return " is " + kind.get();
            }
        } catch (IOException e) {
            // What it holds is not known then.
        }
        return file.toString().toLowerCase(Locale.ROOT).endsWith(".gguf")
                ? " does not begin as a GGUF file does: download it again"
                : " is a file; " + WANTED;
    }

    /// Why there are no weights in `directory`.
    static InvalidInputException withoutWeights(Path directory) {
        List<Path> entries = list(directory);
        return new InvalidInputException(
                directory
                        + ": "
                        + reason(entries)
                                .orElse(
                                        "neither "
                                                + Checkpoint.SINGLE
                                                + " nor "
                                                + Checkpoint.INDEX
                                                + " is there"));
    }

    private static Optional<String> reason(List<Path> entries) {
        List<String> names = entries.stream().map(entry -> entry.getFileName().toString()).toList();
        if (names.contains("adapter_config.json")) {
            return Optional.of(
                    "an adapter (LoRA), not a model: merge it into its base model first, with peft's merge_and_unload() and save_pretrained()");
        }
        if (any(names, "model-\\d+-of-\\d+\\.safetensors")) {
            return Optional.of(
                    Checkpoint.INDEX
                            + ", which names the shards, is not there: the download is incomplete, run it again");
        }
        if (any(names, ".*\\.gguf")) {
            return Optional.of("it holds a GGUF file: " + WrongFile.GGUF);
        }
        if (names.contains(Checkpoint.SINGLE)) {
            return Optional.of(
                    Checkpoint.SINGLE
                            + " is a link to nothing: the download is incomplete, run it again");
        }
        Optional<String> other =
                names.stream().filter(it -> it.matches("(?i).*\\.safetensors")).findFirst();
        if (other.isPresent()) {
            return Optional.of(
                    "holds "
                            + other.get()
                            + ", but the weights are looked for in "
                            + Checkpoint.SINGLE
                            + ": rename it, if that is what it is");
        }
        if (any(names, ".*\\.(bin|pt|pth|ckpt)")) {
            return Optional.of(WrongFile.PICKLED);
        }
        List<Path> models =
                entries.stream().filter(it -> Files.exists(it.resolve("config.json"))).toList();
        if (!models.isEmpty()) {
            return Optional.of("no model itself, but there is one in " + names(models));
        }
        return entries.isEmpty()
                ? Optional.of("an empty folder: download the model again")
                : Optional.empty();
    }

    private static boolean any(List<String> names, String pattern) {
        return names.stream().anyMatch(name -> name.matches("(?i)" + pattern));
    }

    /// Refuses an index some of whose shards are not there.
    ///
    /// @param shards the names of all that it names
    static void requireShards(Path index, Collection<String> shards) {
        List<String> all = List.copyOf(new TreeSet<>(shards));
        List<String> missing =
                all.stream().filter(name -> !Files.exists(index.resolveSibling(name))).toList();
        if (!missing.isEmpty()) {
            throw new InvalidInputException(
                    "%s: of the %d shards that it names %d are not there, first %s: the download is incomplete, run it again"
                            .formatted(index, all.size(), missing.size(), missing.getFirst()));
        }
    }

    private static List<Path> list(Path directory) {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.sorted().toList();
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + directory + ": " + Reason.of(e), e);
        }
    }

    private static String names(List<Path> paths) {
        List<String> names = new ArrayList<>();
        paths.stream().limit(MOST_NAMES).forEach(path -> names.add(path.toString()));
        return String.join(", ", names) + (paths.size() > MOST_NAMES ? ", ..." : "");
    }
}
