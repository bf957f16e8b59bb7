package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// A process as the launcher starts it: the JVM's standard error is one file, the caller's is descriptor 3.
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the launcher is a bash script")
class StandardErrorTest {

    @TempDir private Path directory;

    @Test
    void whatTheProgramWritesGoesToTheCallersStandardError() throws Exception {
        Path before = directory.resolve("before");
        Path own = directory.resolve("own");
        var builder =
                new ProcessBuilder(
                        List.of(
                                "bash",
                                "-c",
                                "exec 3>\"$1\"; shift; exec \"$@\"",
                                "bash",
                                own.toString(),
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "--add-modules",
                                "jdk.incubator.vector",
                                "--enable-native-access=ALL-UNNAMED",
                                "-Dwanda.stderr=3",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Main.class.getName(),
                                "nonsense"));
        Process process =
                builder.redirectError(before.toFile())
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();

        assertEquals(2, process.waitFor());
        assertEquals(
                List.of("WARNING: Using incubator modules: jdk.incubator.vector"),
                Files.readAllLines(before));
        assertTrue(Files.readString(own).startsWith("wanda: Unmatched argument"));
    }
}
