package org.wanda4j;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// A program of the tests in a process of its own.
public final class JavaProcess {

    private JavaProcess() {}

    /// As the `wanda` command's, but without the Vector API, which is slow until it is compiled.
    ///
    /// @param options of the JVM besides
    /// @param program its class, with a `main`
    public static ProcessBuilder of(List<String> options, Class<?> program, String... arguments) {
        return new ProcessBuilder(
                Stream.of(
                                Stream.of(
                                        Path.of(System.getProperty("java.home"), "bin", "java")
                                                .toString()),
                                options.stream(),
                                Stream.of(
                                        "-XX:+UseSerialGC",
                                        "-Xmx512m",
                                        "-XX:TieredStopAtLevel=1",
                                        "-Dorg.bytedeco.javacpp.maxBytes=0",
                                        "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                                        "--enable-native-access=ALL-UNNAMED",
                                        "-cp",
                                        System.getProperty("java.class.path"),
                                        program.getName()),
                                Stream.of(arguments))
                        .flatMap(each -> each)
                        .toList());
    }
}
