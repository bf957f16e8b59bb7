package org.wanda4j.hub;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.ResponseInfo;
import java.util.OptionalLong;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.InvalidInputException;

/// Brings one file into the cache: what is there of it stays, what comes is verified, and it gets its name when it is right.
final class FileDownload {

    private static final Pattern CONTENT_RANGE =
            Pattern.compile("bytes (\\d{1,18})-\\d+/(\\d{1,18}|\\*)");
    private static final int NOT_IN_FILE = 416;
    private static final int LARGEST_REFUSAL = 1 << 16;
    private static final byte[] NOTHING = {};

    private final HubClient client;
    private final RepoCache cache;
    private final URI address;
    private final RepoFile file;
    private final LongConsumer received;
    private long told;

    /// @param address of the file on the hub
    /// @param received takes how many bytes have come since its last call; fewer than none where some have to come again
    FileDownload(
            HubClient client, RepoCache cache, URI address, RepoFile file, LongConsumer received) {
        this.client = client;
        this.cache = cache;
        this.address = address;
        this.file = file;
        this.received = received;
    }

    /// Fetches the file where it is not among the blobs.
    ///
    /// @param waiting is called where another process is at it
    /// @return whether it is new
    /// @throws InvalidInputException when the hub refuses it, or sends something else
    /// @throws UnavailableException when the connection fails again and again
    boolean run(Runnable waiting) throws InterruptedException, UnavailableException {
        if (cache.hasBlob(file)) {
            return false;
        }
        cache.createBlobs();
        try (CacheLock _ = CacheLock.take(cache.lock(file), waiting)) {
            if (cache.hasBlob(file)) {
                return false;
            }
            try (PartialFile partial = PartialFile.open(cache.incomplete(file), file)) {
                told = partial.bytes();
                fetch(partial);
                boolean right = partial.isRight();
                if (!right && partial.goesOn()) {
                    partial.restart(); // What an earlier download left may be what was wrong.
                    fetch(partial);
                    right = partial.isRight();
                }
                if (!right) {
                    partial.discard();
                    throw new InvalidInputException(
                            "%s: %s is not what the hub lists: its digest is not %s; it is not kept. Try again, and from the hub itself if this is a mirror or a proxy"
                                    .formatted(address.getHost(), file.path(), file.digest()));
                }
                partial.moveTo(cache.blob(file));
            }
            return true;
        }
    }

    private void fetch(PartialFile partial) throws InterruptedException, UnavailableException {
        int failures = 0;
        while (!partial.isWhole()) {
            long before = partial.bytes();
            try {
                HttpResponse<byte[]> response =
                        client.send(
                                address,
                                before,
                                answer -> receiver(answer, partial),
                                () -> {
                                    partial.catchUp();
                                    return tell(partial);
                                });
                tell(partial);
                failures = partial.bytes() > before ? 0 : failures + 1;
                int status = response.statusCode();
                if (status == NOT_IN_FILE && before > 0) {
                    partial.restart();
                } else if (!isContent(status)) {
                    client.waitAfter(response, Math.max(1, failures));
                } else if (!partial.isWhole()) {
                    throw new IOException(
                            "it ends after %,d of %,d bytes"
                                    .formatted(partial.bytes(), file.bytes()));
                }
            } catch (IOException e) {
                tell(partial);
                failures = partial.bytes() > before ? 1 : failures + 1;
                if (failures >= client.patience().attempts()) {
                    throw new UnavailableException(
                            new InvalidInputException(
                                    "%s: %s; what has come is kept: the same command goes on from there"
                                            .formatted(file.path(), HubFailure.reason(address, e)),
                                    e));
                }
                client.patience().waitAfter(failures);
            }
        }
    }

    private long tell(PartialFile partial) {
        long bytes = partial.bytes();
        received.accept(bytes - told);
        told = bytes;
        return bytes;
    }

    private static boolean isContent(int status) {
        return status == HubClient.OK || status == HubClient.PARTIAL;
    }

    /// Where the body of an answer goes: that of a refusal into memory.
    private BodySubscriber<byte[]> receiver(ResponseInfo answer, PartialFile partial) {
        HttpHeaders headers = answer.headers();
        switch (answer.statusCode()) {
            case HubClient.OK -> {
                OptionalLong length = headers.firstValueAsLong("Content-Length");
                requireSize(length.orElse(file.bytes()));
                if (partial.bytes() > 0) {
                    partial.restart(); // The server gives no parts.
                }
            }
            case HubClient.PARTIAL -> {
                Matcher range =
                        CONTENT_RANGE.matcher(headers.firstValue("Content-Range").orElse(""));
                if (!range.matches() || Long.parseLong(range.group(1)) != partial.bytes()) {
                    partial.restart();
                    return BodySubscribers.limiting(BodySubscribers.ofByteArray(), 0);
                }
                if (!range.group(2).equals("*")) {
                    requireSize(Long.parseLong(range.group(2)));
                }
            }
            default -> {
                return BodySubscribers.limiting(BodySubscribers.ofByteArray(), LARGEST_REFUSAL);
            }
        }
        return BodySubscribers.mapping(partial.receiver(), _ -> NOTHING);
    }

    private void requireSize(long bytes) {
        if (bytes != file.bytes()) {
            throw new InvalidInputException(
                    "%s: the hub lists %,d bytes and %,d are sent; try again, and from the hub itself if this is a mirror"
                            .formatted(file.path(), file.bytes(), bytes));
        }
    }
}
