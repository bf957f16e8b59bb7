package org.wanda4j.sparse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.api.Test;

/// A build in which the vector kernels are not what runs must not pass.
class KernelChoiceTest {

    @Test
    void theVectorKernelsRunAtTheWidthOfTheMachine() {
        int bits = VectorShape.preferredShape().vectorBitSize();

        assertTrue(Kernels.best().vectorized(), Kernels.best().description());
        assertEquals(bits, Kernels.best().vectorBits());
        assertEquals("Vector API, " + bits + " bit", Kernels.best().description());
    }

    @Test
    void withoutTheModuleTheScalarKernelsRunAndNameTheFlagThatMendsIt() throws Exception {
        assertEquals(
                "scalar: start java with --add-modules jdk.incubator.vector",
                descriptionIn(List.of()));
    }

    @Test
    void withoutTheOptimizingCompilerTheScalarKernelsRun() throws Exception {
        String description =
                descriptionIn(
                        List.of(
                                "--add-modules",
                                "jdk.incubator.vector",
                                "-XX:TieredStopAtLevel=1"));

        assertTrue(description.startsWith("scalar: "), description);
        assertTrue(description.contains("-XX:TieredStopAtLevel"), description);
    }

    /// Runs [DescribeKernels] in a JVM of its own.
    private static String descriptionIn(List<String> options)
            throws IOException, InterruptedException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> command =
                Stream.of(
                                List.of(java),
                                options,
                                List.of(
                                        "-cp",
                                        System.getProperty("java.class.path"),
                                        DescribeKernels.class.getName()))
                        .flatMap(List::stream)
                        .toList();
        Process process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String output =
                new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertEquals(0, process.waitFor(), output);
        return output;
    }

    /// Prints which kernels run, after it has used them.
    static final class DescribeKernels {
        public static void main(String[] args) {
            Kernels kernels = Kernels.best();
            long[] words = new long[1];
            kernels.selector().markSmallest(new float[] {2, 1}, 0, 2, 1, words, 0);
            System.out.println(words[0] == 2 ? kernels.description() : "wrong: " + words[0]);
        }
    }
}
