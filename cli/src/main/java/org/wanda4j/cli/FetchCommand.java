package org.wanda4j.cli;

import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.hub.HubId;
import org.wanda4j.hub.Snapshot;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/// `wanda fetch`
@Command(
        name = "fetch",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Fetches a model, or the text of a data set, of the Hugging Face Hub into the cache that Hugging Face's tools share, and prints where it is.",
        footer = {
            "",
            "Every command that takes a model takes an id of the hub too, and fetches it. What is in the cache is not fetched",
            "again, and what was cut goes on. Variables: HF_HOME or HF_HUB_CACHE (where the cache is), HF_TOKEN (for gated and",
            "private models), HF_ENDPOINT (another server), HF_HUB_OFFLINE.",
            "",
            "Examples:",
            "  wanda fetch HuggingFaceTB/SmolLM2-135M-Instruct",
            "  wanda fetch Qwen/Qwen3-0.6B@main --json",
            "  HF_TOKEN=... wanda fetch meta-llama/Llama-3.2-1B"
        })
final class FetchCommand implements Runnable {

    @ParentCommand private Main main;

    @Parameters(
            paramLabel = "ID",
            description =
                    "org/name, or org/name@revision: a branch, a tag or a commit; of a data set datasets/org/name; org/name:Q8_0 for the GGUF file whose name ends so")
    private String id;

    @Mixin private final ResultOptions result = new ResultOptions();

    @Override
    public void run() {
        HubSource source = HubSource.parse(id).orElseThrow(() -> HubModels.noId(id));
        if (source.part().isPresent() && source.id().kind() != HubId.Kind.MODEL) {
            throw new InvalidInputException(
                    "'%s': a part of a data set is fetched by the command that reads it; leave ':%s' out"
                            .formatted(id, source.part().get()));
        }
        long begin = System.nanoTime();
        Snapshot snapshot = HubModels.fetch(source, main.environment(), new HubModels.Reference());
        double seconds = (System.nanoTime() - begin) / 1e9;
        if (snapshot.fetchedBytes() > 0 && !result.json()) {
            Console.note(
                    "fetched %.1f MB in %s, %.1f MB/s"
                            .formatted(
                                    snapshot.fetchedBytes() / 1e6,
                                    Format.duration(seconds),
                                    snapshot.fetchedBytes() / 1e6 / seconds));
        }
        result.print(snapshot, () -> source.place(snapshot).toString());
    }
}
