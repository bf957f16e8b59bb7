package org.wanda4j.cli;

import java.util.List;
import org.wanda4j.model.families.Families;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `wanda families`
@Command(
        name = "families",
        mixinStandardHelpOptions = true,
        description =
                "Lists the model families that can be pruned and run, by the model_type of their config.json.",
        footer = {"", "Examples:", "  wanda families", "  wanda families --json"})
final class FamiliesCommand implements Runnable {

    @Option(names = "--json", description = "print the list as JSON")
    private boolean json;

    /// What `--json` prints.
    record Listing(List<String> families) {}

    @Override
    public void run() {
        List<String> families = List.copyOf(Families.supported());
        if (json) {
            Console.printJson(new Listing(families));
        } else {
            Console.print(String.join("\n", families));
        }
    }
}
