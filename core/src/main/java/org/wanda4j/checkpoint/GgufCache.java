package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;

/// The directories that GGUF files were imported to: `wanda4j/gguf` in `$XDG_CACHE_HOME` or `~/.cache`.
///
/// A directory is made once for each file: its name ends in a digest of the file's path, size and time of change.
public final class GgufCache {

    private static final String ROOT = "XDG_CACHE_HOME";
    private static final Path FOLDER = Path.of("wanda4j", "gguf");
    private static final Pattern NAME = Pattern.compile("(.+)-[0-9a-f]{16}");
    private static final String LOCK = ".lock";

    /// Characters of a file's name that its directory's name begins with: at most 200 bytes of the 255 that a name may have.
    private static final int LONGEST_STEM = 50;

    private final Path directory;

    private GgufCache(Path directory) {
        this.directory = directory;
    }

    /// An imported file.
    ///
    /// @param name of its directory
    /// @param bytes of all that is in it
    public record Copy(String name, long bytes) {}

    /// As the environment says.
    ///
    /// @param environment variables with their values
    public static GgufCache of(Map<String, String> environment) {
        String configured = environment.getOrDefault(ROOT, "");
        Path root =
                Path.of(configured).isAbsolute()
                        ? Path.of(configured)
                        : Path.of(
                                environment.getOrDefault("HOME", System.getProperty("user.home")),
                                ".cache");
        return new GgufCache(root.resolve(FOLDER));
    }

    /// What the GGUF file is called that `directory` was imported from; empty where it is no such directory.
    static Optional<String> fileOf(Path directory) {
        Path folder = directory.getParent();
        String name = String.valueOf(directory.getFileName());
        Matcher matcher = NAME.matcher(name);
        return folder != null && folder.endsWith(FOLDER) && matcher.matches()
                ? Optional.of(matcher.group(1))
                : Optional.empty();
    }

    /// Where it is.
    public Path directory() {
        return directory;
    }

    /// The directory of the model in `file`. Who asks while another makes it, a thread or a process, waits.
    ///
    /// @throws InvalidInputException when it is not read here, or the directory cannot be made
    Path of(Path file, ByteProgress progress) {
        try {
            Path model = directory.resolve(name(file));
            if (!Files.isDirectory(model)) {
                exclusively(() -> {
                    if (!Files.isDirectory(model)) {
                        GgufDirectory.make(file, model, progress);
                    }
                });
            }
            return model;
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + file + ": " + Reason.of(e), e);
        }
    }

    /// @param file may be a link, as in the hub's cache, whose own name says more
    private static String name(Path file) throws IOException {
        String identity =
                file.toRealPath()
                        + "\n"
                        + Files.size(file)
                        + "\n"
                        + Files.getLastModifiedTime(file).toMillis();
        String stem = String.valueOf(file.getFileName()).replaceFirst("(?i)\\.gguf$", "");
        int end =
                stem.offsetByCodePoints(
                        0, Math.min(LONGEST_STEM, stem.codePointCount(0, stem.length())));
        byte[] bytes = identity.getBytes(StandardCharsets.UTF_8);
        return "%s-%08x%08x"
                .formatted(
                        stem.substring(0, end), sum(new CRC32(), bytes), sum(new CRC32C(), bytes));
    }

    /// Two of them tell files apart as well as 64 bits can, and are there at once: the JVM takes 15 ms to load its digests, for which the first
    /// token would wait.
    private static long sum(Checksum checksum, byte[] bytes) {
        checksum.update(bytes);
        return checksum.getValue();
    }

    /// All that is there, by name. What a killed import has left is listed too.
    ///
    /// @throws InvalidInputException when it cannot be read
    public List<Copy> list() {
        try {
            List<Copy> copies = new ArrayList<>();
            for (Path model : entries(directory)) {
                if (Files.isDirectory(model)) {
                    copies.add(new Copy(model.getFileName().toString(), bytes(model)));
                }
            }
            return copies;
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + directory + ": " + Reason.of(e), e);
        }
    }

    /// Removes a copy. The GGUF file stays.
    ///
    /// @param copy of [#list()]
    /// @throws InvalidInputException when it cannot be removed
    public void remove(Copy copy) {
        try {
            exclusively(() -> Disk.deleteTree(directory.resolve(copy.name())));
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot remove %s from %s: %s".formatted(copy.name(), directory, Reason.of(e)),
                    e);
        }
    }

    @FunctionalInterface
    private interface Work {
        void run() throws IOException;
    }

    /// One at a time, of threads and processes; of threads alone where the file system has no locks.
    private void exclusively(Work work) throws IOException {
        synchronized (GgufCache.class) {
            try (FileChannel channel = openLock()) {
                try {
                    var _ = channel.lock(); // until it is closed
                } catch (IOException e) {
                    // Another process is refused then, by the lock of the output.
                }
                work.run();
            }
        }
    }

    private FileChannel openLock() {
        try {
            Files.createDirectories(directory);
            return FileChannel.open(
                    directory.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot write to %s, where GGUF files are imported to: %s; XDG_CACHE_HOME names another place"
                            .formatted(directory, Reason.of(e)),
                    e);
        }
    }

    private static long bytes(Path directory) throws IOException {
        long bytes = 0;
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : (Iterable<Path>) all::iterator) {
                bytes += Files.isRegularFile(path) ? Files.size(path) : 0;
            }
        }
        return bytes;
    }

    private static List<Path> entries(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.sorted().toList();
        }
    }
}
