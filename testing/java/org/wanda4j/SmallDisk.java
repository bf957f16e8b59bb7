package org.wanda4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A file system of a few megabytes, to be filled.
///
/// Mounting one takes rights: a test that needs it says
/// `@EnabledIf(value = SmallDisk.MOUNTABLE, disabledReason = SmallDisk.NOT_MOUNTABLE)` and is reported as skipped where
/// they are lacking.
///
/// @param directory where it is mounted
public record SmallDisk(Path directory) implements AutoCloseable {

    /// For `@EnabledIf`.
    public static final String MOUNTABLE = "org.wanda4j.SmallDisk#isMountable";

    /// For `@EnabledIf`.
    public static final String NOT_MOUNTABLE =
            "this process may not mount a tmpfs, so no disk can be filled: run as root";

    /// Mounts one.
    public static SmallDisk ofMegabytes(int megabytes) {
        try {
            Path directory = Files.createTempDirectory("small-disk");
            if (!run(
                    "mount",
                    "-t",
                    "tmpfs",
                    "-o",
                    "size=" + megabytes + "m",
                    "tmpfs",
                    directory.toString())) {
                Files.delete(directory);
                throw new AssertionError("cannot mount a tmpfs");
            }
            return new SmallDisk(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Whether this process may mount one.
    public static boolean isMountable() {
        try {
            ofMegabytes(1).close();
            return true;
        } catch (AssertionError | UncheckedIOException e) {
            return false;
        }
    }

    /// Shows this disk in `place` too, as a drive that is plugged in.
    public void plugIn(Path place) {
        if (!run("mount", "--bind", directory.toString(), place.toString())) {
            throw new AssertionError("cannot mount at " + place);
        }
    }

    /// Takes away what is shown in `place`, in use or not.
    public static void pullOut(Path place) {
        if (!run("umount", "--lazy", place.toString())) {
            throw new AssertionError("cannot unmount " + place);
        }
    }

    /// Writes a file until there is no room for a byte more.
    public void fill() throws IOException {
        byte[] block = new byte[4096];
        try (var out = Files.newOutputStream(directory.resolve("filler"))) {
            while (true) {
                out.write(block);
            }
        } catch (IOException e) {
            if (Files.getFileStore(directory).getUsableSpace() > 0) {
                throw e;
            }
        }
    }

    @Override
    public void close() {
        if (!run("umount", directory.toString())) {
            throw new AssertionError("cannot unmount " + directory);
        }
        try {
            Files.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean run(String... command) {
        try {
            Process process =
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start();
            return process.waitFor() == 0;
        } catch (IOException e) {
            return false; // There is no such command.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while waiting for " + command[0], e);
        }
    }
}
