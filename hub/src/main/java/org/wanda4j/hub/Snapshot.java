package org.wanda4j.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// A repository at a commit, as far as it lies in the cache.
///
/// @param id what was asked for
/// @param commit what that stands for
/// @param directory where the files are
/// @param files how many lie there
/// @param bytes of them
/// @param fetchedBytes that came over the network
public record Snapshot(
        String id, String commit, String directory, int files, long bytes, long fetchedBytes) {

    /// The GGUF file that [Hub#fetchGguf] fetched.
    ///
    /// @param part as it was asked for
    /// @throws InvalidInputException when it is not there
    public Path gguf(String part) {
        Path root = Path.of(directory);
        try (Stream<Path> files = Files.list(root)) {
            List<String> names = files.map(file -> file.getFileName().toString()).toList();
            return root.resolve(WantedFiles.gguf("what the cache has of " + id, names, part));
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + root + ": " + Reason.of(e), e);
        }
    }

    /// Looks at what is there.
    static Snapshot of(HubId id, String commit, Path directory, long fetchedBytes) {
        try (Stream<Path> all = Files.walk(directory)) {
            List<Path> files = all.filter(Files::isRegularFile).toList();
            long bytes = 0;
            for (Path file : files) {
                bytes += Files.size(file);
            }
            return new Snapshot(
                    id.toString(), commit, directory.toString(), files.size(), bytes, fetchedBytes);
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + directory + ": " + Reason.of(e), e);
        }
    }
}
