package org.wanda4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.wanda4j.checkpoint.InvalidInputException;

/// What must hold whatever comes from outside, for tests that are given anything at all.
public final class Hostile {

    private Hostile() {}

    /// Something that reads from outside.
    @FunctionalInterface
    public interface Reading {

        /// Reads.
        void read() throws IOException;
    }

    /// Reads, or is refused in one line. Everything else that `reading` throws goes on to the caller.
    ///
    /// @return whether it was read
    public static boolean isRead(Reading reading) {
        try {
            reading.read();
            return true;
        } catch (InvalidInputException e) {
            if (e.getMessage().isBlank() || e.getMessage().lines().count() != 1) {
                throw new AssertionError("not one line: " + e.getMessage(), e);
            }
            return false;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// `bytes` up to their first `separator`, or all of them.
    public static byte[] head(byte[] bytes, char separator) {
        return Arrays.copyOf(bytes, find(bytes, separator));
    }

    /// `bytes` behind their first `separator`, or none.
    public static byte[] tail(byte[] bytes, char separator) {
        int from = Math.min(bytes.length, find(bytes, separator) + 1);
        return Arrays.copyOfRange(bytes, from, bytes.length);
    }

    private static int find(byte[] bytes, char separator) {
        int at = 0;
        while (at < bytes.length && bytes[at] != separator) {
            at++;
        }
        return at;
    }

    /// Writes `bytes` to `name` in `directory`; removes that file where there are none.
    public static Path put(Path directory, String name, byte[] bytes) {
        Path file = directory.resolve(name);
        try {
            if (bytes.length == 0) {
                Files.deleteIfExists(file);
            } else {
                Files.write(file, bytes);
            }
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
