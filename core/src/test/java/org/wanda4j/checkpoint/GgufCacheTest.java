package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.gguf.GgufExport;

/// Copies of GGUF files in the user's cache.
class GgufCacheTest {

    @TempDir private Path directory;

    /// Imports the file of its first argument to the cache in its second.
    static final class Import {

        private Import() {}

        public static void main(String[] arguments) {
            System.out.println("begun");
            System.out.println(cache(arguments[1]).of(Path.of(arguments[0]), ByteProgress.NONE));
        }
    }

    private static GgufCache cache(String root) {
        return GgufCache.of(Map.of("XDG_CACHE_HOME", root));
    }

    /// Both find that the file is not imported, before one of them can begin.
    @Test
    void twoProcessesThatOpenAFileForTheFirstTimeGetItsOneCopy() throws Exception {
        Path file = export();
        Path folder = Files.createDirectories(cache(directory.toString()).directory());
        List<Process> processes = new ArrayList<>();
        List<BufferedReader> outputs = new ArrayList<>();
        try (FileChannel lock =
                FileChannel.open(
                        folder.resolve(".lock"),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE)) {
            var _ = lock.lock();
            for (int i = 0; i < 2; i++) {
                Process process = start(file);
                processes.add(process);
                outputs.add(process.inputReader());
                assertEquals("begun", outputs.get(i).readLine());
            }
        }
        List<GgufCache.Copy> copies = List.of();
        for (int i = 0; i < 2; i++) {
            String copy = outputs.get(i).readLine();
            assertEquals(0, processes.get(i).waitFor());
            copies = cache(directory.toString()).list();
            assertEquals(folder.resolve(copies.getFirst().name()).toString(), copy);
        }
        assertEquals(1, copies.size());
    }

    private Process start(Path file) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Import.class.getName(),
                        file.toString(),
                        directory.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    @Test
    void aCopyIsMadeOnceListedAndRemoved() throws IOException {
        Path file = export();
        GgufCache cache = cache(directory.toString());
        assertEquals(List.of(), cache.list());
        List<Long> written = new ArrayList<>();
        var progress =
                new ByteProgress() {
                    @Override
                    public void start(String what, long bytes) {
                        written.add(-bytes);
                    }

                    @Override
                    public void advance(long bytes, String step) {
                        written.add(bytes);
                    }
                };
        Path copy = cache.of(file, progress);
        assertEquals(0, written.stream().mapToLong(Long::longValue).sum());
        int calls = written.size();
        assertTrue(calls > 1);
        assertEquals(copy, cache.of(file, progress));
        assertEquals(calls, written.size());

        GgufCache.Copy listed = cache.list().getFirst();
        assertEquals(copy.getFileName().toString(), listed.name());
        assertTrue(listed.bytes() > Files.size(copy.resolve("model.safetensors")));
        cache.remove(listed);
        assertTrue(Files.notExists(copy));
        assertTrue(Files.exists(file));
        assertEquals(List.of(), cache.list());
    }

    /// A name may have 255 bytes, and the directory's has a digest besides.
    @Test
    void aLongNameIsCut() throws IOException {
        Path file = Files.move(export(), directory.resolve("é".repeat(125) + ".gguf"));
        Path copy = cache(directory.toString()).of(file, ByteProgress.NONE);
        assertTrue(copy.getFileName().toString().matches("é{50}-[0-9a-f]{16}"), copy::toString);
        try (Checkpoint imported = Checkpoint.open(copy)) {
            assertFalse(imported.tensors().isEmpty());
        }
    }

    @Test
    void ofALinkTheCopyHasItsName() throws IOException {
        Path blob = Files.move(export(), directory.resolve("0454bed759d58d83"));
        Path link = Files.createSymbolicLink(directory.resolve("model-Q8_0.gguf"), blob);
        Path copy = cache(directory.toString()).of(link, ByteProgress.NONE);
        assertEquals(Optional.of("model-Q8_0"), GgufCache.fileOf(copy));
    }

    @Test
    void whereNothingCanBeWrittenTheVariableIsNamed() throws IOException {
        Path file = export();
        Path noFolder = Files.createFile(directory.resolve("cache"));
        var refusal =
                assertThrows(
                        InvalidInputException.class,
                        () -> cache(noFolder.toString()).of(file, ByteProgress.NONE));
        assertTrue(
                refusal.getMessage().contains("XDG_CACHE_HOME names another place"),
                refusal::getMessage);
    }

    private Path export() {
        Path path = directory.resolve("model.gguf");
        try (Checkpoint source = Checkpoint.open(SharedFiles.tinyLlama());
                GgufExport export =
                        GgufExport.begin(source, path, Optional.of(GgmlType.Q8_0), false)) {
            export.run(_ -> {});
        }
        return path;
    }
}
