package org.wanda4j.plan;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Sha256;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Tokenizer;

/// How fast files are read and written here, and text becomes tokens.
final class MachineProbe {

    private static final int WRITTEN = 1 << 25;
    private static final int READ = 1 << 26;
    private static final int ENOUGH_TOKENS = 20_000;

    private MachineProbe() {}

    /// @param openSeconds that it takes to open the tokenizer
    /// @param rate tokens a second; 0 where there is no tokenizer
    record Tokenizing(double openSeconds, double rate) {

        static final Tokenizing NONE = new Tokenizing(0, 0);
    }

    /// Encodes the first documents of `text`, where there is a tokenizer.
    static Tokenizing tokenizing(Path model, Corpus text) {
        if (!Files.exists(model.resolve("tokenizer.json"))) {
            return Tokenizing.NONE;
        }
        long start = System.nanoTime();
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            double openSeconds = secondsSince(start);
            long encoding = System.nanoTime();
            long tokens = 0;
            for (String document : text.documents()) {
                tokens += tokenizer.encode(document).length;
                if (tokens >= ENOUGH_TOKENS) {
                    break;
                }
            }
            return new Tokenizing(openSeconds, tokens / secondsSince(encoding));
        }
    }

    /// Bytes a second of reading and digesting the front of `file`.
    static double read(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            MessageDigest digest = Sha256.begin();
            ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
            long start = System.nanoTime();
            long read = 0;
            while (read < READ && channel.read(buffer) >= 0) {
                read += buffer.position();
                digest.update(buffer.flip());
                buffer.clear();
            }
            return read / secondsSince(start);
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + file + ": " + e.getMessage(), e);
        }
    }

    /// Bytes a second of writing a file in `directory` until they are on the disk.
    static double write(Path directory) {
        try {
            Path file = Files.createTempFile(directory, "wanda-plan", ".tmp");
            try (FileChannel channel =
                    FileChannel.open(
                            file, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE)) {
                ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
                long start = System.nanoTime();
                for (int written = 0; written < WRITTEN; written += buffer.capacity()) {
                    channel.write(buffer.clear());
                }
                channel.force(true);
                return WRITTEN / secondsSince(start);
            }
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot write to " + directory + ": " + e.getMessage(), e);
        }
    }

    private static double secondsSince(long nanos) {
        return (System.nanoTime() - nanos) / 1e9;
    }
}
