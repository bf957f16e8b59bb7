package org.wanda4j.cli;

import java.util.ArrayList;
import java.util.List;
import org.wanda4j.hub.CachedRepo;
import org.wanda4j.hub.HubCache;
import org.wanda4j.hub.HubId;
import org.wanda4j.hub.HubSettings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/// `wanda cache`
@Command(
        name = "cache",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Lists what is in the cache that Hugging Face's tools share, with its size, and removes from it.",
        footer = {
            "",
            "Examples:",
            "  wanda cache",
            "  wanda cache --remove Qwen/Qwen3-0.6B",
            "  wanda cache --remove Qwen/Qwen3-0.6B@5a7f --json"
        })
final class CacheCommand implements Runnable {

    @ParentCommand private Main main;

    @Option(
            names = "--remove",
            paramLabel = "ID",
            description =
                    "remove org/name from the cache, or of org/name@revision that revision alone; may be given several times")
    private List<String> remove = List.of();

    @Mixin private final ResultOptions result = new ResultOptions();

    /// What `--json` prints.
    ///
    /// @param repositories that are there, after the removal
    /// @param bytes of all of them
    /// @param removedBytes what the removal freed
    record Report(String directory, List<CachedRepo> repositories, long bytes, long removedBytes) {}

    @Override
    public void run() {
        HubSettings settings = HubSettings.of(main.environment());
        var cache = new HubCache(settings);
        List<HubId> ids = remove.stream().map(HubModels::requireId).toList();
        long removed = ids.stream().mapToLong(cache::remove).sum();
        List<CachedRepo> repos = cache.list();
        long bytes = repos.stream().mapToLong(CachedRepo::bytes).sum();
        var report = new Report(settings.cache().toString(), repos, bytes, removed);
        result.print(
                report,
                () -> ids.isEmpty() ? text(report) : "removed %.1f MB".formatted(removed / 1e6));
    }

    private static String text(Report report) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("repository", "size", "files", "commit", "revision"));
        for (CachedRepo repo : report.repositories()) {
            String size = "%.1f MB".formatted(repo.bytes() / 1e6);
            if (repo.incompleteBytes() > 0) {
                size += ", %.1f MB of it begun".formatted(repo.incompleteBytes() / 1e6);
            }
            if (repo.revisions().isEmpty()) {
                rows.add(List.of(repo.id(), size, "", "", ""));
            }
            boolean first = true;
            for (CachedRepo.CachedRevision revision : repo.revisions()) {
                rows.add(
                        List.of(
                                first ? repo.id() : "",
                                first ? size : "",
                                "%,d".formatted(revision.files()),
                                revision.commit()
                                        .substring(0, Math.min(8, revision.commit().length())),
                                String.join(", ", revision.refs())));
                first = false;
            }
        }
        String total = "%.1f MB in %s".formatted(report.bytes() / 1e6, report.directory());
        return report.repositories().isEmpty()
                ? "nothing in " + report.directory()
                : Format.table(rows) + "\n\n" + total;
    }
}
