package org.wanda4j.cli;

import java.util.ArrayList;
import java.util.List;
import org.wanda4j.method.Method;
import org.wanda4j.method.Methods;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `wanda methods`
@Command(
        name = "methods",
        mixinStandardHelpOptions = true,
        description = "Lists the methods: how they score and remove weights, and what that costs.",
        footer = {"", "Examples:", "  wanda methods", "  wanda methods --json"})
final class MethodsCommand implements Runnable {

    @Mixin private final ResultOptions result = new ResultOptions();

    /// What `--json` prints.
    record Listing(List<Entry> methods) {}

    /// One method.
    record Entry(String name, String formula, String cost, String source) {

        static Entry of(Method method) {
            return new Entry(method.name(), method.formula(), method.cost(), method.source());
        }
    }

    @Override
    public void run() {
        List<Entry> entries = Methods.all().stream().map(Entry::of).toList();
        if (result.json()) {
            Console.printJson(new Listing(entries));
            return;
        }
        List<List<String>> rows =
                new ArrayList<>(List.of(List.of("method", "removes the lowest", "cost", "source")));
        entries.forEach(entry ->
                rows.add(List.of(entry.name(), entry.formula(), entry.cost(), entry.source())));
        Console.print(Format.table(rows));
        Console.print(
                "\n--pattern N:M compares within each run of M whatever the method; --tune trains what survives"
                        + " after any of them,\n--allocation owl|dlp|lsa spreads the sparsity over blocks.");
    }
}
