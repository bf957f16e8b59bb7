package org.wanda4j.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.FreeSpace;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// The folder of one repository in the cache, as Hugging Face's tools lay it out:
///
/// ```
/// models--org--name/
///     blobs/DIGEST                     a file's content; DIGEST.incomplete while it is fetched
///     refs/main                        the commit that a branch or tag was at
///     snapshots/COMMIT/config.json     a link to ../../blobs/DIGEST
/// .locks/models--org--name/DIGEST.lock
/// ```
final class RepoCache {

    static final String REFS = "refs";
    static final String SNAPSHOTS = "snapshots";
    static final String BLOBS = "blobs";
    static final String LOCKS = ".locks";

    private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}|[0-9a-f]{64}");

    private final HubId id;
    private final HubSettings settings;
    private final Path folder;

    RepoCache(HubId id, HubSettings settings) {
        this.id = id;
        this.settings = settings;
        this.folder = settings.cache().resolve(id.folder());
    }

    /// Whether `text` is the digest of a commit.
    static boolean isCommit(String text) {
        return COMMIT.matcher(text).matches();
    }

    Path snapshot(String commit) {
        return folder.resolve(SNAPSHOTS).resolve(commit);
    }

    Path blob(RepoFile file) {
        return folder.resolve(BLOBS).resolve(file.digest());
    }

    Path incomplete(RepoFile file) {
        return folder.resolve(BLOBS).resolve(file.digest() + ".incomplete");
    }

    Path lock(RepoFile file) {
        return settings.cache()
                .resolve(LOCKS)
                .resolve(id.folder())
                .resolve(file.digest() + ".lock");
    }

    /// The commit of the snapshot that the id's revision stands for, where there is one.
    Optional<String> cachedCommit() {
        String revision = id.revisionOrMain();
        Optional<String> commit = isCommit(revision) ? Optional.of(revision) : ref(revision);
        return commit.filter(it -> Files.isDirectory(snapshot(it)));
    }

    private Optional<String> ref(String revision) {
        Path file = folder.resolve(REFS).resolve(revision);
        try {
            return Files.isRegularFile(file)
                    ? Optional.of(Files.readString(file).strip()).filter(RepoCache::isCommit)
                    : Optional.empty();
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + file + ": " + Reason.of(e), e);
        }
    }

    /// Enters which commit the id's revision is at.
    void enterRef(String commit) {
        String revision = id.revisionOrMain();
        if (!revision.equals(commit) && !ref(revision).equals(Optional.of(commit))) {
            Path file = folder.resolve(REFS).resolve(revision);
            createDirectories(file.getParent());
            Path next = file.resolveSibling(file.getFileName() + "." + UUID.randomUUID() + ".tmp");
            try {
                Files.writeString(next, commit);
                Files.move(
                        next,
                        file,
                        StandardCopyOption.ATOMIC_MOVE,
                        StandardCopyOption.REPLACE_EXISTING);
            } catch (IOException e) {
                next.toFile().delete();
                throw new InvalidInputException("cannot write " + file + ": " + Reason.of(e), e);
            }
        }
    }

    /// Whether the snapshot has the file.
    boolean isInSnapshot(String commit, RepoFile file) {
        return hasBytes(snapshot(commit).resolve(file.path()), file);
    }

    /// Whether its content is there.
    boolean hasBlob(RepoFile file) {
        return hasBytes(blob(file), file);
    }

    private static boolean hasBytes(Path path, RepoFile file) {
        try {
            return Files.isRegularFile(path) && Files.size(path) == file.bytes();
        } catch (IOException e) {
            return false;
        }
    }

    /// How much of the file has to be fetched.
    long missing(RepoFile file) {
        if (hasBlob(file)) {
            return 0;
        }
        try {
            long begun = Files.exists(incomplete(file)) ? Files.size(incomplete(file)) : 0;
            return begun > file.bytes() ? file.bytes() : file.bytes() - begun;
        } catch (IOException e) {
            return file.bytes();
        }
    }

    /// Enters a blob into a snapshot, by a link, or itself where links do not work.
    ///
    /// @param isNew whether no other snapshot can have it yet
    void enter(String commit, RepoFile file, boolean isNew) {
        if (isInSnapshot(commit, file)) {
            return; // another process's
        }
        Path name = snapshot(commit).resolve(file.path());
        createDirectories(name.getParent());
        try {
            Files.deleteIfExists(name);
            if (settings.links() && isLinked(name, name.getParent().relativize(blob(file)))) {
                return;
            }
            if (isNew) {
                Files.move(blob(file), name);
            } else {
                Files.copy(blob(file), name, StandardCopyOption.REPLACE_EXISTING);
            }
        } catch (IOException e) {
            throw new InvalidInputException("cannot write " + name + ": " + Reason.of(e), e);
        }
    }

    private static boolean isLinked(Path name, Path target) {
        try {
            Files.createSymbolicLink(name, target);
            return true;
        } catch (IOException | UnsupportedOperationException e) {
            return Files.exists(name, LinkOption.NOFOLLOW_LINKS); // another process's
        }
    }

    void createDirectories(Path directory) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot make the folder %s: %s; HF_HUB_CACHE names another place for the cache"
                            .formatted(directory, Reason.of(e)),
                    e);
        }
    }

    void createBlobs() {
        createDirectories(folder.resolve(BLOBS));
    }

    /// Refuses to begin where the disk has no room.
    void requireRoom(long bytes) {
        long free = FreeSpace.of(folder.resolve(BLOBS));
        if (free < bytes) {
            throw new InvalidInputException(
                    "%s: %,d MB are to be fetched, and %s has room for %,d MB: make room, or name another folder by HF_HUB_CACHE"
                            .formatted(id, bytes / 1_000_000, settings.cache(), free / 1_000_000));
        }
    }
}
