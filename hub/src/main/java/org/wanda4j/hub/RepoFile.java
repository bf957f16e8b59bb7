package org.wanda4j.hub;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;
import tools.jackson.databind.JsonNode;

/// A file of a repository, as the hub lists it.
///
/// @param path from the root, its parts separated by `/`; checked to stay below it
/// @param bytes its size
/// @param digest in hexadecimal: SHA-256 of what lies in LFS, else what git calls the blob by, SHA-1 of `blob SIZE\0` and the content. It
///   is the file's ETag too, and its name among the cache's blobs.
record RepoFile(String path, long bytes, String digest) {

    private static final Pattern GIT_SHA1 = Pattern.compile("[0-9a-f]{40}");
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cntrl}\\\\:]");
    private static final int LONGEST_PATH = 1000;

    /// Reads an entry of a listing that is a file.
    ///
    /// @param place where it stands, for messages
    /// @throws InvalidInputException when a field is missing, or the path leads elsewhere
    static RepoFile read(JsonNode entry, String place) {
        String path = entry.path("path").asString("");
        if (!isPlainPath(path)) {
            throw new InvalidInputException(
                    "%s: lists a file '%s', which is no name of a file in it; nothing is fetched"
                            .formatted(place, path));
        }
        JsonNode lfs = entry.path("lfs");
        JsonNode source = lfs.isObject() ? lfs : entry;
        String digest = source.path("oid").asString("");
        Pattern expected = lfs.isObject() ? SHA256 : GIT_SHA1;
        JsonNode size = source.path("size");
        if (!expected.matcher(digest).matches()
                || !size.canConvertToLong()
                || size.asLong() < 0
                || !size.isIntegralNumber()) {
            throw new InvalidInputException(
                    "%s: lists %s without its size or digest; is HF_ENDPOINT a server of the hub's interface?"
                            .formatted(place, path));
        }
        return new RepoFile(path, size.asLong(), digest);
    }

    /// Whether a path stays below where it begins, on every file system: no part is empty, `.` or `..`.
    static boolean isPlainPath(String path) {
        return path.length() <= LONGEST_PATH
                && !UNPRINTABLE.matcher(path).find()
                && Stream.of(path.split("/", -1))
                        .noneMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."));
    }

    /// A digest of the kind that the file has.
    MessageDigest beginDigest() {
        try {
            if (SHA256.matcher(digest).matches()) {
                return MessageDigest.getInstance("SHA-256");
            }
            MessageDigest git = MessageDigest.getInstance("SHA-1");
            git.update(("blob " + bytes + "\0").getBytes(StandardCharsets.US_ASCII));
            return git;
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-1 and SHA-256", e);
        }
    }

    /// Whether `content`, which has seen all of the file, found what the hub says.
    boolean matches(MessageDigest content) {
        return HexFormat.of().formatHex(content.digest()).equals(digest);
    }
}
