package org.wanda4j.hub;

import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow.Subscription;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// A file while it is fetched: what has come of it lies on the disk, and is digested as it comes.
final class PartialFile implements AutoCloseable {

    private static final int CHUNK = 1 << 20;

    /// Bytes that the disk may be behind.
    private static final long MOST_BEHIND = 32L << 20;

    private final Path path;
    private final RepoFile file;
    private final FileChannel channel;
    private MessageDigest digest;
    private long bytes;
    private boolean goesOn;
    private Receiver current;
    private long onDisk;

    private PartialFile(Path path, RepoFile file, FileChannel channel) {
        this.path = path;
        this.file = file;
        this.channel = channel;
        this.digest = file.beginDigest();
    }

    /// Opens `path`, and digests what an earlier download left there.
    static PartialFile open(Path path, RepoFile file) {
        FileChannel channel;
        try {
            channel =
                    FileChannel.open(
                            path,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE,
                            StandardOpenOption.CREATE);
        } catch (IOException e) {
            throw unwritable(path, e);
        }
        var partial = new PartialFile(path, file, channel);
        try {
            partial.readBeginning();
            return partial;
        } catch (IOException e) {
            partial.close();
            throw unwritable(path, e);
        }
    }

    private void readBeginning() throws IOException {
        if (channel.size() > file.bytes()) {
            channel.truncate(0);
        }
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK);
        while (channel.read(buffer) >= 0) {
            digest.update(buffer.flip());
            buffer.clear();
        }
        bytes = channel.position();
        goesOn = bytes > 0;
    }

    private static InvalidInputException unwritable(Path path, IOException e) {
        return new InvalidInputException(
                "cannot write %s: %s; HF_HUB_CACHE names another folder for the cache"
                        .formatted(path, Reason.of(e)),
                e);
    }

    /// How many bytes have come.
    synchronized long bytes() {
        return bytes;
    }

    synchronized boolean isWhole() {
        return bytes == file.bytes();
    }

    /// Whether it began with what an earlier download had left, and goes on from there.
    synchronized boolean goesOn() {
        return goesOn;
    }

    /// Whether all that has come is what the hub says. To be asked once.
    synchronized boolean isRight() {
        return file.matches(digest);
    }

    /// Forgets what has come.
    synchronized void restart() {
        try {
            channel.truncate(0);
        } catch (IOException e) {
            throw unwritable(path, e);
        }
        digest = file.beginDigest();
        bytes = 0;
        goesOn = false;
    }

    /// Deletes it.
    void discard() {
        try {
            Files.delete(path);
        } catch (IOException e) {
            throw unwritable(path, e);
        }
    }

    /// Takes an answer's body as what comes next. A receiver that was made before gets nothing more: its connection was given up.
    synchronized BodySubscriber<Void> receiver() {
        current = new Receiver();
        return current;
    }

    private synchronized void append(Receiver from, List<ByteBuffer> buffers) {
        if (from != current) {
            throw new CancellationException();
        }
        for (ByteBuffer buffer : buffers) {
            if (buffer.remaining() > file.bytes() - bytes) {
                throw new InvalidInputException(
                        "%s: more bytes come than the %,d that the hub lists; try again later"
                                .formatted(file.path(), file.bytes()));
            }
            int length = buffer.remaining();
            digest.update(buffer.duplicate());
            try {
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
            } catch (IOException e) {
                throw unwritable(path, e);
            }
            bytes += length;
        }
    }

    /// Waits for the disk where much has come since it was last waited for: else all of it would be waited for at the end.
    void catchUp() {
        long here = bytes();
        if (Math.abs(here - onDisk) >= MOST_BEHIND) {
            try {
                channel.force(false);
            } catch (IOException e) {
                throw unwritable(path, e);
            }
            onDisk = here;
        }
    }

    /// Renames it once it is whole and on the disk.
    void moveTo(Path blob) {
        try {
            channel.force(true);
            channel.close();
            Files.move(path, blob, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw unwritable(blob, e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw unwritable(path, e);
        }
    }

    private final class Receiver implements BodySubscriber<Void> {

        private final CompletableFuture<Void> done = new CompletableFuture<>();
        private Subscription subscription;

        @Override
        public CompletionStage<Void> getBody() {
            return done;
        }

        @Override
        public void onSubscribe(Subscription given) {
            subscription = given;
            given.request(1);
        }

        @Override
        public void onNext(List<ByteBuffer> buffers) {
            try {
                append(this, buffers);
                subscription.request(1);
            } catch (RuntimeException e) {
                subscription.cancel();
                done.completeExceptionally(e);
            }
        }

        @Override
        public void onError(Throwable failure) {
            done.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            done.complete(null);
        }
    }
}
