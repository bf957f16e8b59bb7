package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.SharedFiles;

/// `--device`.
class DeviceOptionTest {

    @TempDir private Path directory;

    @ParameterizedTest
    @CsvSource({
        "cuda, --device cuda: libtorch 2.10.0 (bundled, for the CPU) has no CUDA",
        "cuda:1, --device cuda:1: libtorch 2.10.0 (bundled, for the CPU) has no CUDA",
        "gpu, there is no device 'gpu'",
    })
    void withoutThatCardACommandEndsAtItsStart(String device, String reason) {
        assertRefused(Wanda.run("eval", tiny(), "--device", device), reason);
        assertRefused(Wanda.run("prune", tiny(), "-o", output(), "--device", device), reason);
        assertRefused(Wanda.run("plan", tiny(), "--device", device), reason);
    }

    @ParameterizedTest
    @CsvSource({
        "prune --recover-minutes 1 --values int4 -o, --values",
        "pack --values int4 -o, packing",
    })
    void whatIsDoneOnTheHostAloneIsSaid(String command, String work) {
        List<String> arguments = new ArrayList<>(List.of(command.split(" ")));
        if (command.endsWith("-o")) {
            arguments.add(output());
        }
        arguments.addAll(List.of(tiny(), "--device", "emulated", "--windows", "2"));
        assertRefused(
                Wanda.run(arguments.toArray(String[]::new)), "--device emulated: " + work + " is");
    }

    /// By two batches of many windows, and by the host's of a few.
    @Test
    void perplexityIsTheSame() {
        assertEquals(perplexity("cpu"), perplexity("emulated"), 1e-4 * perplexity("cpu"));
        assertEquals(perplexity("cpu"), perplexity("auto"));
    }

    private static double perplexity(String device) {
        Wanda eval =
                Wanda.run(
                        "eval",
                        tiny(),
                        "--device",
                        device,
                        "--seqlen",
                        "512",
                        "--windows",
                        "20",
                        "--dtype",
                        "fp32",
                        "--json");
        assertEquals(0, eval.exitCode(), eval.errors()::toString);
        return Double.parseDouble(
                eval.out().replaceAll("(?s).*\"perplexity\" ?: ?([0-9.]+).*", "$1"));
    }

    private static void assertRefused(Wanda wanda, String reason) {
        assertEquals(2, wanda.exitCode(), wanda.errors()::toString);
        assertEquals(1, wanda.errors().size(), wanda.errors()::toString);
        String line = wanda.errors().getFirst();
        assertTrue(line.startsWith("wanda: " + reason), line);
    }

    private static String tiny() {
        return SharedFiles.tinyLlama().toString();
    }

    private String output() {
        return directory.resolve("out").toString();
    }
}
