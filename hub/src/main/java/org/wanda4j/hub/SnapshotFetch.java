package org.wanda4j.hub;

import java.net.URI;
import java.util.List;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/// Brings files of a repository at a commit into its snapshot, several at a time.
final class SnapshotFetch {

    /// Many small files take as long as their answers, few large ones as long as the link.
    private static final int AT_ONCE = 8;

    private final HubId id;
    private final String commit;
    private final RepoCache cache;
    private final HubClient client;
    private final FetchProgress progress;
    private final AtomicLong received = new AtomicLong();

    SnapshotFetch(
            HubId id, String commit, RepoCache cache, HubClient client, FetchProgress progress) {
        this.id = id;
        this.commit = commit;
        this.cache = cache;
        this.client = client;
        this.progress = progress;
    }

    /// Bytes that have come over the network.
    long received() {
        return received.get();
    }

    /// Fetches those of `files` that are not there. The first failure ends it; what has come by then is kept.
    void run(List<RepoFile> files) throws InterruptedException, UnavailableException {
        List<RepoFile> missing =
                files.stream().filter(file -> !cache.isInSnapshot(commit, file)).toList();
        if (missing.isEmpty()) {
            return;
        }
        cache.createBlobs();
        long bytes = missing.stream().mapToLong(cache::missing).sum();
        cache.requireRoom(bytes);
        progress.start(id.toString(), bytes);
        var done = new AtomicInteger();
        ExecutorService workers = Executors.newFixedThreadPool(Math.min(AT_ONCE, missing.size()));
        try {
            CompletionService<Void> running = new ExecutorCompletionService<>(workers);
            for (RepoFile file : missing) {
                running.submit(() -> {
                    fetch(file, done, missing.size());
                    return null;
                });
            }
            for (int i = 0; i < missing.size(); i++) {
                running.take().get();
            }
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case UnavailableException failure -> throw failure;
                case RuntimeException failure -> throw failure;
                case Error failure -> throw failure;
                default -> throw new IllegalStateException(e.getCause());
            }
        } finally {
            workers.shutdownNow();
            workers.close(); // Nothing writes to the cache any more.
        }
    }

    private void fetch(RepoFile file, AtomicInteger done, int of)
            throws InterruptedException, UnavailableException {
        var download =
                new FileDownload(
                        client,
                        cache,
                        address(file),
                        file,
                        bytes -> {
                            received.addAndGet(Math.max(0, bytes));
                            progress.advance(bytes, "%d of %d files".formatted(done.get(), of));
                        });
        boolean isNew =
                download.run(() ->
                        progress.note("waiting for another process that fetches " + file.path()));
        cache.enter(commit, file, isNew);
        progress.advance(0, "%d of %d files".formatted(done.incrementAndGet(), of));
    }

    private URI address(RepoFile file) {
        return client.address(
                Stream.of(
                                Stream.of(id.path().split("/", -1)),
                                Stream.of("resolve", commit),
                                Stream.of(file.path().split("/", -1)))
                        .flatMap(parts -> parts)
                        .toArray(String[]::new));
    }
}
