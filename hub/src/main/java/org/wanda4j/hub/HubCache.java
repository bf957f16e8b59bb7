package org.wanda4j.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// The cache that Hugging Face's tools share: what is in it, and removing from it.
public final class HubCache {

    private final Path cache;

    /// @param settings where it is
    public HubCache(HubSettings settings) {
        this.cache = settings.cache();
    }

    /// A folder of a repository.
    private record Folder(HubId id, Path path) {

        Path snapshots() {
            return path.resolve(RepoCache.SNAPSHOTS);
        }

        Path refs() {
            return path.resolve(RepoCache.REFS);
        }

        Path blobs() {
            return path.resolve(RepoCache.BLOBS);
        }
    }

    /// Its repositories, models before data sets, by name. There are none where there is no cache.
    ///
    /// @throws InvalidInputException when it cannot be read
    public List<CachedRepo> list() {
        try {
            List<CachedRepo> repos = new ArrayList<>();
            for (Folder folder : folders()) {
                repos.add(describe(folder));
            }
            return repos;
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + cache + ": " + Reason.of(e), e);
        }
    }

    private List<Folder> folders() throws IOException {
        List<Folder> folders = new ArrayList<>();
        for (HubId.Kind kind : HubId.Kind.values()) {
            String beginning = kind.plural() + "--";
            for (Path path : entries(cache)) {
                String name = path.getFileName().toString();
                if (name.startsWith(beginning) && Files.isDirectory(path)) {
                    HubId.parse(
                                    kind.prefix()
                                            + name.substring(beginning.length()).replace("--", "/"))
                            .ifPresent(id -> folders.add(new Folder(id, path)));
                }
            }
        }
        return folders;
    }

    private static CachedRepo describe(Folder folder) throws IOException {
        long bytes = 0;
        long incomplete = 0;
        for (Path file : files(folder.path())) {
            if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                bytes += Files.size(file);
                incomplete += file.toString().endsWith(".incomplete") ? Files.size(file) : 0;
            }
        }
        List<CachedRepo.CachedRevision> revisions = new ArrayList<>();
        for (Path snapshot : entries(folder.snapshots())) {
            String commit = snapshot.getFileName().toString();
            List<String> refs = new ArrayList<>();
            for (Path ref : files(folder.refs())) {
                if (Files.readString(ref).strip().equals(commit)) {
                    refs.add(folder.refs().relativize(ref).toString().replace('\\', '/'));
                }
            }
            List<Path> files = files(snapshot).stream().filter(Files::exists).toList();
            long size = 0;
            for (Path file : files) {
                size += Files.size(file);
            }
            revisions.add(new CachedRepo.CachedRevision(commit, refs, files.size(), size));
        }
        return new CachedRepo(folder.id().toString(), bytes, incomplete, revisions);
    }

    /// Removes a repository; with a revision, that commit alone, and of its files those that no other commit has.
    ///
    /// @return how many bytes that frees
    /// @throws InvalidInputException when it is not there, or cannot be removed
    public long remove(HubId id) {
        try {
            Folder folder = new Folder(id, cache.resolve(id.folder()));
            if (!Files.isDirectory(folder.path())) {
                throw missing(id);
            }
            if (id.revision().isPresent()) {
                Path snapshot =
                        snapshot(folder, id.revision().get()).orElseThrow(() -> missing(id));
                if (entries(folder.snapshots()).size() > 1) {
                    return removeSnapshot(folder, snapshot);
                }
            }
            long bytes = describe(folder).bytes();
            delete(folder.path());
            delete(cache.resolve(RepoCache.LOCKS).resolve(id.folder()));
            return bytes;
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot remove %s from %s: %s".formatted(id, cache, Reason.of(e)), e);
        }
    }

    private InvalidInputException missing(HubId id) {
        return new InvalidInputException(
                "%s is not in the cache %s; 'wanda cache' lists what is".formatted(id, cache));
    }

    /// By a branch, a tag, a commit, or the beginning of one.
    private static Optional<Path> snapshot(Folder folder, String revision) throws IOException {
        Path ref = folder.refs().resolve(revision);
        String commit = Files.isRegularFile(ref) ? Files.readString(ref).strip() : revision;
        List<Path> found =
                entries(folder.snapshots()).stream()
                        .filter(path -> path.getFileName().toString().startsWith(commit))
                        .toList();
        return found.size() == 1 ? Optional.of(found.getFirst()) : Optional.empty();
    }

    private static long removeSnapshot(Folder folder, Path snapshot) throws IOException {
        long before = describe(folder).bytes();
        Set<Path> blobs = blobs(snapshot);
        for (Path other : entries(folder.snapshots())) {
            if (!other.equals(snapshot)) {
                blobs.removeAll(blobs(other));
            }
        }
        String commit = snapshot.getFileName().toString();
        for (Path ref : files(folder.refs())) {
            if (Files.readString(ref).strip().equals(commit)) {
                Files.delete(ref);
            }
        }
        delete(snapshot);
        for (Path blob : blobs) {
            if (blob.startsWith(folder.blobs())) {
                Files.deleteIfExists(blob);
            }
        }
        return before - describe(folder).bytes();
    }

    /// Where the links of a snapshot lead.
    private static Set<Path> blobs(Path snapshot) throws IOException {
        Set<Path> blobs = new HashSet<>();
        for (Path file : files(snapshot)) {
            if (Files.isSymbolicLink(file)) {
                blobs.add(file.getParent().resolve(Files.readSymbolicLink(file)).normalize());
            }
        }
        return blobs;
    }

    private static List<Path> entries(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.sorted().toList();
        }
    }

    /// All that is no directory, links included, which are not followed.
    private static List<Path> files(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(path -> !Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS))
                    .sorted()
                    .toList();
        }
    }

    /// Deletes a directory with all that is in it; of links, the links alone.
    private static void delete(Path root) throws IOException {
        if (Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
            for (Path entry : entries(root)) {
                delete(entry);
            }
        }
        Files.deleteIfExists(root);
    }
}
