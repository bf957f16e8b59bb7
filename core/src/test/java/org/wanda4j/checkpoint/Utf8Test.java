package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class Utf8Test {

    private final AtomicBoolean closed = new AtomicBoolean();

    @Test
    void whatIsRefusedIsClosed() {
        String pointer = "version https://git-lfs.github.com/spec/v1\n";
        assertThrows(
                InvalidInputException.class,
                () -> Utf8.reader(stream(pointer.getBytes(StandardCharsets.UTF_8)), "file"));
        assertTrue(closed.getAndSet(false));

        assertThrows(
                CharacterCodingException.class,
                () -> Utf8.reader(stream(new byte[] {'a', (byte) 0xff}), "file"));
        assertTrue(closed.get());
    }

    private ByteArrayInputStream stream(byte[] bytes) {
        return new ByteArrayInputStream(bytes) {
            @Override
            public void close() {
                closed.set(true);
            }
        };
    }
}
