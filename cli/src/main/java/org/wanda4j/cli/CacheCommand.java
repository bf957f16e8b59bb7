package org.wanda4j.cli;

import java.util.ArrayList;
import java.util.List;
import org.wanda4j.checkpoint.GgufCache;
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
                "Lists what is in the cache that Hugging Face's tools share, and which GGUF files were imported, with their sizes, and removes from them.",
        footer = {
            "",
            "Examples:",
            "  wanda cache",
            "  wanda cache --remove Qwen/Qwen3-0.6B",
            "  wanda cache --remove Qwen/Qwen3-0.6B@5a7f --json",
            "  wanda cache --remove model-Q8_0-5f0c8a1b2d3e4f60"
        })
final class CacheCommand implements Runnable {

    @ParentCommand private Main main;

    @Option(
            names = "--remove",
            paramLabel = "ID",
            description =
                    "remove org/name from the cache, or of org/name@revision that revision alone, or the import of a GGUF file by its name in the list; may be given several times")
    private List<String> remove = List.of();

    @Mixin private final ResultOptions result = new ResultOptions();

    /// What `--json` prints.
    ///
    /// @param directory of the repositories
    /// @param repositories that are there, after the removal
    /// @param bytes of all of them
    /// @param importDirectory of the imported GGUF files
    /// @param imports those that are there, after the removal
    /// @param importBytes of all of them
    /// @param removedBytes what the removal freed
    record Report(
            String directory,
            List<CachedRepo> repositories,
            long bytes,
            String importDirectory,
            List<GgufCache.Copy> imports,
            long importBytes,
            long removedBytes) {}

    @Override
    public void run() {
        HubSettings settings = HubSettings.of(main.environment());
        var cache = new HubCache(settings);
        GgufCache imports = GgufCache.of(main.environment());
        List<GgufCache.Copy> copies =
                imports.list().stream().filter(copy -> remove.contains(copy.name())).toList();
        List<String> names = copies.stream().map(GgufCache.Copy::name).toList();
        List<HubId> ids =
                remove.stream()
                        .filter(name -> !names.contains(name))
                        .map(name -> HubId.parse(name).orElseThrow(() -> HubModels.noId(name)))
                        .toList();
        copies.forEach(imports::remove);
        long removed =
                ids.stream().mapToLong(cache::remove).sum()
                        + copies.stream().mapToLong(GgufCache.Copy::bytes).sum();
        List<CachedRepo> repos = cache.list();
        List<GgufCache.Copy> left = imports.list();
        var report =
                new Report(
                        settings.cache().toString(),
                        repos,
                        repos.stream().mapToLong(CachedRepo::bytes).sum(),
                        imports.directory().toString(),
                        left,
                        left.stream().mapToLong(GgufCache.Copy::bytes).sum(),
                        removed);
        result.print(
                report,
                () ->
                        remove.isEmpty()
                                ? text(report) + importText(report)
                                : "removed %.1f MB".formatted(removed / 1e6));
    }

    private static String importText(Report report) {
        if (report.imports().isEmpty()) {
            return "";
        }
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("imported from GGUF", "size"));
        for (GgufCache.Copy copy : report.imports()) {
            rows.add(List.of(copy.name(), "%.1f MB".formatted(copy.bytes() / 1e6)));
        }
        return "\n\n%s\n\n%.1f MB in %s"
                .formatted(
                        Format.table(rows), report.importBytes() / 1e6, report.importDirectory());
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
