package org.wanda4j.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.JavaProcess;
import org.wanda4j.SharedFiles;

/// `WANDA_LIBTORCH`, with the bundled libtorch's own files in the place of an installed PyTorch's; each case in a process of its
/// own.
class LibtorchTest {

    private static final List<String> LIBRARIES =
            List.of("libc10.so", "libtorch_cpu.so", "libtorch.so", "libgomp.so.1");

    @TempDir private Path directory;

    private Path bundled;

    @BeforeEach
    void findBundled() {
        bundled = Path.of(Loader.load(torch.class)).getParent();
    }

    @Test
    void anotherLibtorchComputesInPlaceOfTheBundledOne() throws Exception {
        for (String name : LIBRARIES) {
            Files.createSymbolicLink(directory.resolve(name), bundled.resolve(name));
        }
        Run own = run("", "eval", tiny(), "--windows", "1", "--seqlen", "64", "--dtype", "fp32");
        Run other =
                run(
                        directory.toString(),
                        "eval",
                        tiny(),
                        "--windows",
                        "1",
                        "--seqlen",
                        "64",
                        "--dtype",
                        "fp32");
        assertEquals(0, other.exitCode(), other.errors()::toString);
        assertEquals(perplexity(own), perplexity(other));
        assertTrue(
                other.errors().getFirst().contains("libtorch 2.10.0 of " + directory),
                other.errors()::toString);
        Run doctor = run(directory.toString(), "doctor");
        assertTrue(
                doctor.out().contains("2.10.0 (of " + directory + ", for the CPU)"), doctor::out);
    }

    @Test
    void aFolderWithoutLibrariesIsRefused() throws Exception {
        assertRefused("there is no library libc10.so in that folder");
        Files.createSymbolicLink(directory.resolve("libc10.so"), bundled.resolve("libc10.so"));
        Files.writeString(directory.resolve("libtorch_cpu.so"), "no library");
        assertRefused("there is no library libtorch_cpu.so in that folder");
    }

    @Test
    void aLibraryThatIsNoPyTorchsIsRefused() throws Exception {
        Files.createSymbolicLink(directory.resolve("libc10.so"), bundled.resolve("libc10.so"));
        Files.createSymbolicLink(
                directory.resolve("libtorch_cpu.so"), bundled.resolve("libc10.so"));
        assertRefused("does not say its version");
    }

    /// `movabs rax, 2 << 56 | 10 << 48; ret` is what gives the version.
    @Test
    void anotherVersionIsRefused() throws Exception {
        byte[] version = HexFormat.of().parseHex("48b80000000000000a02c3");
        byte[] older = version.clone();
        older[8] = 9;
        changed(version, older);
        assertRefused("it is of PyTorch 2.9.0, and the JNI library");
        Run doctor = run(directory.toString(), "doctor");
        assertEquals(1, doctor.exitCode());
        assertTrue(doctor.out().contains("mend: WANDA_LIBTORCH=" + directory), doctor::out);
    }

    @Test
    void aLibraryWithoutAFunctionIsRefusedBeforeItIsCalled() throws Exception {
        String name = "_ZN2at4_ops8kthvalue4callERKNS_6TensorEN3c106SymIntElb";
        changed(name.getBytes(US_ASCII), name.replace('k', 'q').getBytes(US_ASCII));
        assertRefused("it lacks 1 functions that the JNI library");
    }

    private void assertRefused(String reason) throws Exception {
        Run refused = run(directory.toString(), "eval", tiny());
        assertEquals(2, refused.exitCode(), refused.errors()::toString);
        assertEquals(1, refused.errors().size(), refused.errors()::toString);
        String line = refused.errors().getFirst();
        assertTrue(
                line.startsWith("wanda: WANDA_LIBTORCH=" + directory + ": " + reason),
                line::toString);
        assertTrue(line.contains("pip install"), line::toString);
    }

    /// The bundled libraries, in the largest of which `old` is replaced.
    private void changed(byte[] old, byte[] by) throws IOException {
        Files.createSymbolicLink(directory.resolve("libc10.so"), bundled.resolve("libc10.so"));
        Path copy = directory.resolve("libtorch_cpu.so");
        Files.copy(bundled.resolve("libtorch_cpu.so"), copy);
        try (var file = FileChannel.open(copy, StandardOpenOption.READ, StandardOpenOption.WRITE);
                Arena memory = Arena.ofConfined()) {
            MemorySegment content =
                    file.map(FileChannel.MapMode.READ_WRITE, 0, file.size(), memory);
            int replaced = 0;
            MemorySegment sought = MemorySegment.ofArray(old);
            for (long at = 0; at + old.length <= content.byteSize(); at++) {
                if (content.get(ValueLayout.JAVA_BYTE, at) == old[0]
                        && content.asSlice(at, old.length).mismatch(sought) < 0) {
                    content.asSlice(at, old.length).copyFrom(MemorySegment.ofArray(by));
                    replaced++;
                }
            }
            assertTrue(replaced > 0);
        }
    }

    private static String tiny() {
        return SharedFiles.tinyLlama().toString();
    }

    /// The table's last line without the time.
    private static String perplexity(Run run) {
        return run.out().lines().toList().getLast().replaceFirst(" [^ ]+ s$", "");
    }

    private record Run(int exitCode, String out, List<String> errors) {}

    /// @param libtorch what `WANDA_LIBTORCH` is
    private Run run(String libtorch, String... arguments) throws Exception {
        Path errors = directory.resolveSibling(directory.getFileName() + ".err");
        ProcessBuilder builder = JavaProcess.of(List.of(), Main.class, arguments);
        builder.environment().put("WANDA_LIBTORCH", libtorch);
        Process process = builder.redirectError(errors.toFile()).start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int exitCode = process.waitFor();
        List<String> lines = Files.readAllLines(errors);
        Files.delete(errors);
        return new Run(exitCode, out, lines);
    }
}
