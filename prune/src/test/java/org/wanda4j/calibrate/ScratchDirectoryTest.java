package org.wanda4j.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.JavaProcess;

class ScratchDirectoryTest {

    /// As an executor of a cluster does, which is ended when there is no more to do.
    @Test
    void aProcessThatEndsLeavesNone(@TempDir Path temporary)
            throws IOException, InterruptedException {
        Process process =
                JavaProcess.of(List.of("-Djava.io.tmpdir=" + temporary), ScratchDirectoryTest.class)
                        .redirectError(Redirect.INHERIT)
                        .start();
        assertEquals('1', process.getInputStream().read());
        assertEquals(1, count(temporary));
        process.getOutputStream().close();
        assertEquals(0, process.waitFor());
        assertEquals(0, count(temporary));
    }

    private static long count(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.filter(it -> it.getFileName().toString().startsWith("wanda-")).count();
        }
    }

    /// Ends when its input does, without closing what it has made.
    public static void main(String[] arguments) throws IOException {
        var directory = new ScratchDirectory();
        System.out.write(Files.isDirectory(directory.path()) ? '1' : '0');
        System.out.flush();
        System.in.read();
    }
}
