package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.EvaluationText;
import org.wanda4j.SharedFiles;
import org.wanda4j.torch.ComputeType;

class CompareTest {

    @TempDir private Path directory;

    /// Where nothing is said of the type it is this machine's fastest: a cell is of that type, wherever it is found again.
    @Test
    void aCellIsKnownByTheTypeThatItWasComputedIn() {
        String fastest = ComputeType.fastest().toString();
        String other = fastest.equals("fp32") ? "bf16" : "fp32";
        compare();
        List<String> same = compare("--dtype", fastest);
        assertTrue(same.contains("dense: kept from before"), same::toString);
        assertTrue(same.contains("magnitude-0.5: kept from before"), same::toString);
        List<String> different = compare("--dtype", other);
        assertFalse(different.contains("dense: kept from before"), different::toString);
        assertFalse(different.contains("magnitude-0.5: kept from before"), different::toString);
    }

    private List<String> compare(String... options) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "compare",
                                SharedFiles.tinyLlama().toString(),
                                "-o",
                                directory.toString(),
                                "--methods",
                                "magnitude",
                                "--sparsities",
                                "0.5",
                                "--eval-text",
                                EvaluationText.beginningIn(directory).toString(),
                                "--windows",
                                "4",
                                "--seqlen",
                                "32",
                                "--eval-seqlen",
                                "32",
                                "--eval-windows",
                                "4"));
        arguments.addAll(List.of(options));
        Wanda wanda = Wanda.run(arguments.toArray(String[]::new));
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        return wanda.errors();
    }
}
