package org.wanda4j.runtime.internal.x86;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.wanda4j.runtime.internal.kernels.ScalarKernels;
import org.wanda4j.sparse.ProcessorFeatures;

/// Where machine code does not run.
class MachineKernelsTest {

    /// Prints whether there are kernels in machine code.
    static final class Attempt {

        private Attempt() {}

        public static void main(String[] arguments) {
            var others = new ScalarKernels("all");
            System.out.println(
                    MachineKernels.avx2(Avx2Kernels.FEATURES, others).isPresent()
                            || MachineKernels.avx512(ProcessorFeatures.current(), others)
                                    .isPresent());
        }
    }

    @Test
    void withoutNativeAccessThereAreNone() throws IOException, InterruptedException {
        assertEquals("false", attempt("--illegal-native-access=deny"));
    }

    @Test
    void onAnotherSystemThereAreNone() throws IOException, InterruptedException {
        assertEquals(
                "false", attempt("-Dos.name=Windows 11", "--enable-native-access=ALL-UNNAMED"));
    }

    private static String attempt(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(options));
        command.addAll(
                List.of("-cp", System.getProperty("java.class.path"), Attempt.class.getName()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return output.strip();
    }
}
