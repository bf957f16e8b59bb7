package org.wanda4j.hub;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// Fetches models of the Hugging Face Hub, or of a server with its interface.
public final class Hub {

    private final HubSettings settings;
    private final Patience patience;

    /// @param settings where the hub and the cache are
    public Hub(HubSettings settings) {
        this(settings, Patience.DEFAULT);
    }

    Hub(HubSettings settings, Patience patience) {
        this.settings = settings;
        this.patience = patience;
    }

    /// Fetches what a run of a model needs: configuration, tokenizer, weights in safetensors; of a data set its text, as [#fetchText] does
    /// without a part. Files that the cache has are not fetched again. Where the hub does not answer, what was fetched before stands in, and that is noted.
    ///
    /// @throws InvalidInputException when it cannot be fetched, with the reason and the mend
    /// @throws CancellationException when the thread is interrupted
    public Snapshot fetch(HubId id, FetchProgress progress) {
        return id.kind() == HubId.Kind.MODEL
                ? fetch(id, progress, Hub::fetchModel)
                : fetch(id, progress, textOf(Optional.empty()));
    }

    /// Fetches the files of a data set that hold its text, likewise.
    ///
    /// @param part what the path of a file begins with, or one of its folders or its name: `train`, `en/c4-train.00000`; where it is empty,
    ///     `train` is taken where there is such a part, else all
    /// @return the files, in the order of their paths
    /// @throws InvalidInputException when it cannot be fetched, or has no text, with the reason and the mend
    /// @throws CancellationException when the thread is interrupted
    public List<Path> fetchText(HubId id, Optional<String> part, FetchProgress progress) {
        Path directory = Path.of(fetch(id, progress, textOf(part)).directory());
        try (Stream<Path> all = Files.walk(directory)) {
            List<String> files =
                    all.filter(Files::isRegularFile)
                            .map(file ->
                                    directory
                                            .relativize(file)
                                            .toString()
                                            .replace(File.separatorChar, '/'))
                            .toList();
            return WantedFiles.ofText(id, files, part).stream().map(directory::resolve).toList();
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + directory + ": " + Reason.of(e), e);
        }
    }

    /// Fetches a GGUF file of a model, likewise, and nothing else of it.
    ///
    /// @param part what its name ends with, as `Q4_K_M`, or the name
    /// @return the snapshot, which [Snapshot#gguf] finds the file in
    /// @throws InvalidInputException when it cannot be fetched, or not one file is meant, with the reason and the mend
    /// @throws CancellationException when the thread is interrupted
    public Snapshot fetchGguf(HubId id, String part, FetchProgress progress) {
        return fetch(
                id,
                progress,
                (_, listing, cache, fetch) -> {
                    fetch.run(List.of(WantedFiles.gguf(id, listing.files(), part)));
                    cache.enterRef(listing.commit());
                });
    }

    /// How many authorities are trusted to say who a server is; without one no connection by `https` can be made.
    public static int trusted() {
        try {
            var factory =
                    TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init((KeyStore) null); // as the JVM's options say
            return Arrays.stream(factory.getTrustManagers())
                    .mapToInt(it -> ((X509TrustManager) it).getAcceptedIssuers().length)
                    .sum();
        } catch (GeneralSecurityException e) {
            return 0;
        }
    }

    private static Step textOf(Optional<String> part) {
        return (id, listing, cache, fetch) -> {
            fetch.run(WantedFiles.filesOfText(id, listing.files(), part));
            cache.enterRef(listing.commit());
        };
    }

    /// Fetches the configuration of a model alone, likewise.
    ///
    /// @throws InvalidInputException when it cannot be fetched, with the reason and the mend
    /// @throws CancellationException when the thread is interrupted
    public Snapshot fetchConfiguration(HubId id, FetchProgress progress) {
        return fetch(
                id,
                progress,
                (_, listing, _, fetch) ->
                        fetch.run(WantedFiles.configuration(id, listing.files())));
    }

    /// What is done with the listing of a repository.
    @FunctionalInterface
    private interface Step {
        void run(HubId id, RepoListing listing, RepoCache cache, SnapshotFetch fetch)
                throws InterruptedException, UnavailableException;
    }

    private Snapshot fetch(HubId id, FetchProgress progress, Step step) {
        var cache = new RepoCache(id, settings);
        if (settings.offline()) {
            return cached(id, cache)
                    .orElseThrow(() ->
                            new InvalidInputException(
                                    "%s: no directory here, and not in the cache %s; it is not fetched, as HF_HUB_OFFLINE is set"
                                            .formatted(id, settings.cache())));
        }
        try (var client = new HubClient(id, settings, patience, progress)) {
            RepoListing listing;
            try {
                listing = RepoListing.of(client, id);
            } catch (UnavailableException e) {
                Snapshot before = cached(id, cache).orElseThrow(e::failure);
                progress.note(
                        "%s; going on with what was fetched before, commit %s"
                                .formatted(e.failure().getMessage(), before.commit()));
                return before;
            }
            String commit = listing.commit();
            var fetch = new SnapshotFetch(id, commit, cache, client, progress);
            step.run(id, listing, cache, fetch);
            return Snapshot.of(id, commit, cache.snapshot(commit), fetch.received());
        } catch (UnavailableException e) {
            throw e.failure();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException();
        }
    }

    private static Optional<Snapshot> cached(HubId id, RepoCache cache) {
        return cache.cachedCommit()
                .map(commit -> Snapshot.of(id, commit, cache.snapshot(commit), 0));
    }

    private static void fetchModel(
            HubId id, RepoListing listing, RepoCache cache, SnapshotFetch fetch)
            throws InterruptedException, UnavailableException {
        List<RepoFile> root = listing.files();
        Optional<RepoFile> index = WantedFiles.index(id, root);
        if (index.isPresent()) {
            fetch.run(List.of(index.get()));
        }
        Path snapshot = cache.snapshot(listing.commit());
        fetch.run(WantedFiles.ofModel(id, root, index.map(file -> snapshot.resolve(file.path()))));
        cache.enterRef(listing.commit());
    }
}
