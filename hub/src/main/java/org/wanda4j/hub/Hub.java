package org.wanda4j.hub;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import org.wanda4j.checkpoint.InvalidInputException;

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

    /// Fetches what a run of a model needs: configuration, tokenizer, weights in safetensors. Files that the cache has are not fetched
    /// again. Where the hub does not answer, what was fetched before stands in, and that is noted.
    ///
    /// @throws InvalidInputException when it cannot be fetched, with the reason and the mend
    /// @throws CancellationException when the thread is interrupted
    public Snapshot fetch(HubId id, FetchProgress progress) {
        return fetch(id, progress, Hub::fetchModel);
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
        if (id.kind() != HubId.Kind.MODEL) {
            throw new InvalidInputException(id + " is a data set; models alone are fetched");
        }
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
