package org.wanda4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// The JVM's archive of classes, from which the program starts, holds none that are older than version 50 of the format, nor their subclasses: those are read
/// and verified at every start.
class ClassArchiveTest {

    private static final int OLDEST = 50;

    @Test
    void no_library_has_classes_that_are_too_old_for_it() throws IOException {
        List<String> old = new ArrayList<>();
        int jars = 0;
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            if (entry.endsWith(".jar") && !entry.contains("archunit")) { // for tests alone
                old.addAll(oldClasses(Path.of(entry)));
                jars++;
            }
        }
        assertTrue(jars > 10, "jars on the class path: " + jars);
        assertEquals(List.of(), old);
    }

    @Test
    void nor_has_the_program_itself() throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(Path.of("target/classes"))) {
            files = all.filter(file -> file.toString().endsWith(".class")).toList();
        }
        assertTrue(files.stream().anyMatch(file -> file.endsWith("picocli/CommandLine.class")));
        for (Path file : files) {
            try (InputStream in = Files.newInputStream(file)) {
                assertTrue(version(in) >= OLDEST, file.toString());
            }
        }
    }

    private static List<String> oldClasses(Path jar) throws IOException {
        List<String> old = new ArrayList<>();
        try (var file = new JarFile(jar.toFile())) {
            for (var entry : file.stream().toList()) {
                if (entry.getName().endsWith(".class")) {
                    try (InputStream in = file.getInputStream(entry)) {
                        if (version(in) < OLDEST) {
                            old.add(jar.getFileName() + ": " + entry.getName());
                        }
                    }
                }
            }
        }
        return old;
    }

    /// The major version of the class file, behind its magic number and the minor version.
    private static int version(InputStream in) throws IOException {
        var data = new DataInputStream(in);
        data.readInt();
        data.readUnsignedShort();
        return data.readUnsignedShort();
    }
}
