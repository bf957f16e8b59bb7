package org.wanda4j;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The `wanda` script itself, in a folder of its own, with JDKs and a Maven that only say what they were asked.
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the launcher is a bash script")
class LauncherTest {

    private static final List<String> TOOLS =
            List.of(
                    "awk",
                    "bash",
                    "cat",
                    "cp",
                    "find",
                    "grep",
                    "head",
                    "mkdir",
                    "mv",
                    "readlink",
                    "rm",
                    "sleep",
                    "touch",
                    "ls");

    @TempDir Path temporary;

    private Path root;
    private Path bin;
    private Path jdks;
    private final Map<String, String> environment = new HashMap<>();

    @BeforeEach
    void a_checkout_with_maven_and_no_java() throws IOException {
        root = Files.createDirectories(temporary.toRealPath().resolve("a check out"));
        Files.copy(Path.of("").toAbsolutePath().resolveSibling("wanda"), root.resolve("wanda"));
        write(root.resolve("pom.xml"), "<project/>");
        write(root.resolve("core/src/main/java/Source.java"), "class Source {}");

        bin = Files.createDirectories(temporary.resolve("bin"));
        for (String tool : TOOLS) {
            Files.createSymbolicLink(bin.resolve(tool), find(tool));
        }
        maven("mkdir -p cli/target/lib && touch cli/target/wanda.jar");
        jdks = Files.createDirectories(temporary.resolve("jdks"));
        environment.put("PATH", bin.toString());
        environment.put("HOME", temporary.toString());
        environment.put("WANDA_JDK_DIRS", jdks.toString());
    }

    @Test
    void takes_the_jdk_of_java_home() throws Exception {
        jdk(jdks.resolve("newer"), "27");
        environment.put("JAVA_HOME", jdk(temporary.resolve("mine"), "25.0.3").toString());

        assertTrue(wanda().output.startsWith(temporary.resolve("mine") + " "));
    }

    @Test
    void passes_over_an_older_java_and_takes_the_newest_of_the_usual_folders() throws Exception {
        Path old = jdk(temporary.resolve("old"), "17.0.15");
        environment.put("JAVA_HOME", old.toString());
        Files.createSymbolicLink(bin.resolve("java"), old.resolve("bin/java"));
        jdk(jdks.resolve("a"), "25.0.9");
        jdk(jdks.resolve("b"), "25.0.10");
        jdk(jdks.resolve("c"), "21.0.2");
        jdk(jdks.resolve("d"), "1.8.0_292");

        assertTrue(wanda().output.startsWith(jdks.resolve("b") + " "));
    }

    @Test
    void takes_the_jdk_that_java_on_the_path_leads_to() throws Exception {
        Path jdk = jdk(temporary.resolve("on path"), "26-ea");
        Files.createSymbolicLink(temporary.resolve("alternative"), jdk.resolve("bin/java"));
        Files.createSymbolicLink(bin.resolve("java"), temporary.resolve("alternative"));

        assertTrue(wanda().output.startsWith(jdk.toRealPath() + " "));
    }

    @Test
    void finds_a_jdk_inside_a_macos_bundle() throws Exception {
        Path home = jdk(jdks.resolve("temurin-25.jdk/Contents/Home"), "25.0.3");

        assertTrue(wanda().output.startsWith(home + " "));
    }

    @Test
    void says_what_to_install_when_there_is_no_jdk() throws Exception {
        jdk(jdks.resolve("old"), "24.0.2");
        Files.delete(jdk(jdks.resolve("runtime"), "25.0.3").resolve("bin/javac"));

        var result = wanda();

        assertAll(
                () -> assertEquals(2, result.exit),
                () -> assertTrue(result.error.contains("needs a JDK 25 or newer"), result.error),
                () -> assertTrue(result.error.contains("apt-get install"), result.error),
                () -> assertTrue(result.error.contains("brew install"), result.error),
                () -> assertTrue(result.error.contains("sdk install java"), result.error),
                () -> assertEquals("", result.output));
    }

    @Test
    void reads_names_of_files_as_utf8_where_no_locale_says_otherwise() throws Exception {
        Path jdk = jdk(jdks.resolve("25"), "25.0.3");
        script(jdk.resolve("bin/java"), "printf '%s' \"${LC_ALL:-}\"");

        assertEquals("C.UTF-8", wanda().output);
        environment.put("LC_ALL", "POSIX");
        assertEquals("C.UTF-8", wanda().output);
        environment.put("LC_ALL", "de_DE.ISO-8859-1");
        assertEquals("de_DE.ISO-8859-1", wanda().output);
        environment.put("LC_ALL", "");
        environment.put("LANG", "en_GB.UTF-8");
        assertEquals("", wanda().output);
    }

    /// Bash warns of one when it is exported, as what stands in for that here does.
    @Test
    void says_nothing_of_a_locale_that_is_not_installed() throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        wanda(); // builds
        Path warning = temporary.resolve("warning");
        write(warning, "export() { builtin export \"$@\"; echo warning >&2; }");
        environment.put("BASH_ENV", warning.toString());

        assertEquals("", wanda().error);
    }

    @Test
    void builds_on_first_use_only_with_the_jdk_that_it_found() throws Exception {
        Path jdk = jdk(jdks.resolve("25"), "25.0.3");

        var first = wanda();
        var second = wanda();

        assertEquals(
                List.of(jdk + " -B -ntp -Dmaven.test.skip=true -pl cli -am package"),
                Files.readAllLines(root.resolve("maven.log")));
        assertEquals(1, first.error.lines().count(), first.error);
        assertTrue(first.error.contains("130 MB"), first.error);
        assertEquals("", second.error);
        assertEquals(0, second.exit);
    }

    @Test
    void builds_again_when_a_source_changes_comes_or_goes() throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        wanda();
        assertEquals(1, builds());

        Files.setLastModifiedTime(
                root.resolve("core/src/main/java/Source.java"),
                FileTime.from(Instant.now().plusSeconds(1)));
        wanda();
        assertEquals(2, builds());

        Files.delete(root.resolve("core/src/main/java/Source.java"));
        wanda();
        assertEquals(3, builds());

        Files.setLastModifiedTime(
                root.resolve("pom.xml"), FileTime.from(Instant.now().plusSeconds(1)));
        wanda();
        assertEquals(4, builds());
    }

    @Test
    void a_failed_build_shows_its_error_and_is_never_run() throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        wanda();
        write(root.resolve("core/src/main/java/Another.java"), "class Another {}");
        maven(
                "mkdir -p cli/target/lib; touch cli/target/wanda.jar; echo '[ERROR] no semicolon'; exit 1");

        var failed = wanda();
        var again = wanda();

        assertAll(
                () -> assertEquals(1, failed.exit),
                () -> assertEquals("", failed.output),
                () -> assertTrue(failed.error.contains("[ERROR] no semicolon"), failed.error),
                () -> assertEquals(1, again.exit),
                () -> assertEquals(3, builds()));
    }

    @Test
    void says_what_to_install_when_there_is_no_maven() throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        Files.delete(bin.resolve("mvn"));

        var result = wanda();

        assertEquals(2, result.exit);
        assertTrue(result.error.contains("Maven"), result.error);
    }

    @Test
    void passes_arguments_options_and_the_exit_code_through() throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        environment.put("JAVA_OPTS", "-Xmx2g");
        environment.put("WANDA_OPTS", "-Xmx3g -Da=b");
        environment.put("EXIT", "42");

        var result = wanda("prune", "a model", "", "*", "--name=\"x\"");

        assertEquals(42, result.exit);
        assertTrue(
                result.output.endsWith(
                        "<-Xmx2g><-Xmx3g><-Da=b><-jar><%s><prune><a model><><*><--name=\"x\">\n"
                                .formatted(root.resolve("cli/target/wanda.jar"))),
                result.output);
    }

    @Test
    void keeps_the_line_on_the_incubating_module_from_standard_error_and_no_other()
            throws Exception {
        Path jdk = jdk(jdks.resolve("25"), "25.0.3");
        wanda();
        script(
                jdk.resolve("bin/java"),
                """
                echo 'WARNING: Using incubator modules: jdk.incubator.vector' >&2
                echo 'WARNING: Using incubator modules: another' >&2
                printf 'without an end' >&2
                exec 2>&-
                exit 3\
                """);

        // The filter may outlive the program, whose end is where Java stops to read.
        script(root.resolve("piped"), "./wanda chat 2>&1 | cat; exit ${PIPESTATUS[0]}");

        Result result = run(root, List.of("./piped"));

        assertEquals("WARNING: Using incubator modules: another\nwithout an end\n", result.output);
        assertEquals(3, result.exit);
    }

    @Test
    void hands_standard_error_itself_to_the_program() throws Exception {
        Path jdk = jdk(jdks.resolve("25"), "25.0.3");
        wanda();
        script(jdk.resolve("bin/java"), "printf '%s' \"$*\"; printf '50 %%\\r' >&3");

        var result = wanda("prune");

        assertTrue(result.output.contains(" -Dwanda.stderr=3 "), result.output);
        assertEquals("50 %\r", result.error);
    }

    @Test
    void works_through_symlinks_from_elsewhere() throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        Path folder = Files.createDirectories(temporary.resolve("elsewhere"));
        Files.createSymbolicLink(folder.resolve("second"), root.resolve("wanda"));
        Files.createSymbolicLink(folder.resolve("wanda"), Path.of("second"));

        var result = run(folder, List.of("./wanda", "-V"));

        assertEquals(0, result.exit, result.error);
        assertTrue(result.output.contains("<" + root.resolve("cli/target/wanda.jar") + ">"));
    }

    @Test
    void starts_the_runtime_of_an_unpacked_archive_without_a_jdk_or_a_build() throws Exception {
        Path home = temporary.toRealPath().resolve("an archive");
        Files.createDirectories(home.resolve("bin"));
        Files.copy(root.resolve("wanda"), home.resolve("bin/wanda"));
        jdk(home.resolve("runtime"), "25.0.3");
        write(home.resolve("app/wanda.jsa"), "");
        Files.delete(bin.resolve("mvn"));

        var result = run(home.resolve("bin"), List.of("./wanda", "prune"));

        assertEquals(0, result.exit, result.error);
        assertTrue(result.output.startsWith(home.resolve("runtime") + " "), result.output);
        assertTrue(
                result.output.contains("<-XX:SharedArchiveFile=" + home + "/app/wanda.jsa>"),
                result.output);
        assertTrue(
                result.output.endsWith("<-jar><" + home + "/app/wanda.jar><prune>\n"),
                result.output);
    }

    @Test
    void becomes_the_program_so_that_signals_reach_it() throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        wanda();
        Process process = start(root, List.of("./wanda", "pid"));
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);

        assertTrue(output.contains("pid " + process.pid() + " "), output);
    }

    @Test
    void archives_the_classes_of_an_answer_once_it_has_built() throws Exception {
        Path jdk = jdk(jdks.resolve("25"), "25.0.3");
        script(jdk.resolve("bin/java"), "echo \"$*\" >>java.log");

        wanda("prune");
        wanda("inspect");

        List<String> runs = Files.readAllLines(root.resolve("java.log"));
        assertEquals(3, runs.size(), runs::toString);
        String archiving = runs.getFirst();
        assertTrue(
                archiving.contains("-XX:SharedArchiveFile=" + root.resolve("cli/target/wanda.jsa")),
                archiving);
        assertTrue(
                archiving.contains(" generate " + root.resolve("models/demo-llama") + " "),
                archiving);
        assertTrue(runs.get(1).endsWith(" prune"), runs.get(1));
        assertTrue(runs.get(2).endsWith(" inspect"), runs.get(2));
    }

    @ParameterizedTest
    @ValueSource(strings = {"wanda.jar", "lib/core.jar"})
    void an_archive_of_classes_that_is_older_than_a_jar_is_made_again_by_what_answers(
            String changed) throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        wanda("generate");
        Path archive = root.resolve("cli/target/wanda.jsa");
        Path jar = root.resolve("cli/target").resolve(changed);
        write(archive, "");
        write(jar, "");
        Files.setLastModifiedTime(archive, FileTime.fromMillis(2_000_000));

        Files.setLastModifiedTime(root.resolve("cli/target/wanda.jar"), FileTime.fromMillis(1_000));
        Files.setLastModifiedTime(jar, FileTime.fromMillis(1_000_000));
        wanda("generate");
        assertTrue(Files.exists(archive), "as old as the jar or younger");

        Files.setLastModifiedTime(jar, FileTime.fromMillis(3_000_000));
        wanda("prune");
        assertTrue(Files.exists(archive), "prune makes none");
        wanda("generate");
        assertFalse(Files.exists(archive), "older than the jar");
    }

    @Test
    void two_first_uses_at_once_build_once() throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        maven("sleep 1; mkdir -p cli/target/lib && touch cli/target/wanda.jar");

        Process one = start(root, List.of("./wanda", "one"));
        Process two = start(root, List.of("./wanda", "two"));

        assertEquals(0, one.waitFor());
        assertEquals(0, two.waitFor());
        assertEquals(1, builds());
    }

    @Test
    void takes_over_the_lock_of_a_build_that_was_killed() throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        Process gone = new ProcessBuilder(find("ls").toString()).start();
        gone.waitFor();
        write(root.resolve("cli/target/wanda.lock/pid"), gone.pid() + "\n");

        assertEquals(0, wanda().exit);
        assertFalse(Files.exists(root.resolve("cli/target/wanda.lock")));
    }

    @Test
    void puts_the_spark_that_is_installed_on_the_class_path_where_it_is_asked_for()
            throws Exception {
        jdk(jdks.resolve("25"), "25.0.3");
        Path spark = temporary.resolve("spark");
        environment.put("SPARK_HOME", spark.toString());
        maven(
                "mkdir -p cli/target/lib spark/target && touch cli/target/wanda.jar spark/target/wanda-spark.jar");

        var without = wanda("prune", "--spark", "local[2]");
        assertEquals(2, without.exit);
        assertTrue(without.error.contains("it has no folder jars"), without.error);

        Files.createDirectories(spark.resolve("jars"));
        String output = wanda("prune", "--spark=local[2]").output;
        assertTrue(
                output.endsWith(
                        "<-cp><%s:%s/jars/*><org.wanda4j.cli.Main><prune><--spark=local[2]>\n"
                                .formatted(root.resolve("cli/target/wanda-spark.jar"), spark)),
                output);
        assertTrue(wanda("prune").output.endsWith("wanda.jar><prune>\n"));
        assertEquals(1, builds());
    }

    private record Result(int exit, String output, String error) {}

    private Result wanda(String... arguments) throws IOException, InterruptedException {
        var command = new ArrayList<String>(List.of("./wanda"));
        command.addAll(Arrays.asList(arguments));
        return run(root, command);
    }

    private Result run(Path folder, List<String> command) throws IOException, InterruptedException {
        Process process = start(folder, command);
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        int exit = process.waitFor();
        return new Result(exit, output, Files.readString(temporary.resolve("stderr")));
    }

    private Process start(Path folder, List<String> command) throws IOException {
        return builder(folder, command).redirectError(temporary.resolve("stderr").toFile()).start();
    }

    private ProcessBuilder builder(Path folder, List<String> command) {
        var builder = new ProcessBuilder(new ArrayList<>(command)).directory(folder.toFile());
        builder.command().set(0, folder.resolve(command.getFirst()).toString());
        builder.environment().clear();
        builder.environment().putAll(environment);
        return builder;
    }

    private long builds() throws IOException {
        return Files.readAllLines(root.resolve("maven.log")).size();
    }

    private void maven(String action) throws IOException {
        script(bin.resolve("mvn"), "echo \"$JAVA_HOME $*\" >>maven.log\n" + action);
    }

    /// A JDK whose `java` prints its folder and its arguments.
    private static Path jdk(Path home, String version) throws IOException {
        write(
                home.resolve("release"),
                "IMPLEMENTOR=\"Nobody\"\nJAVA_VERSION=\"" + version + "\"\n");
        script(
                home.resolve("bin/java"),
                """
                printf '%s pid %s ' "$(cd "${0%/*}/.." && pwd)" $$
                printf '<%s>' "$@"
                echo
                exit "${EXIT:-0}"\
                """);
        script(home.resolve("bin/javac"), "exit 1");
        return home;
    }

    private static void script(Path file, String body) throws IOException {
        write(file, "#!/usr/bin/env bash\n" + body + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(
                file, text, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING);
    }

    private static Path find(String tool) {
        return Arrays.stream(System.getenv("PATH").split(":", -1))
                .map(folder -> Path.of(folder, tool))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + tool + " on the PATH"));
    }
}
