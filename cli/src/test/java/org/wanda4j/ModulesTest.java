package org.wanda4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.ProcessBuilder.Redirect;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Exports;
import java.lang.module.ModuleDescriptor.Requires;
import java.lang.module.ModuleFinder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The descriptors of the modules, which an embedding program on the module path sees them by.
class ModulesTest {

    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

    private static final String NOISE =
            "warning: \\[incubating\\] .*|1 warning|WARNING: Using incubator modules.*";

    /// In the order in which they need each other.
    private static final List<String> MODULES = List.of("core", "prune", "runtime", "hub");

    /// What is on the class path of this test, but is nothing that a program needs.
    private static final Pattern LEFT_OUT =
            Pattern.compile(
                    ".*/(cli|core|prune|runtime|hub)/target/.*|.*/[^/]*(archunit|junit|opentest4j|apiguardian|jspecify|picocli|progressbar|jline)[^/]*");

    @TempDir private static Path modules;

    @TempDir private Path directory;

    @BeforeAll
    static void makeModules() throws IOException {
        for (String module : MODULES) {
            Path copy = Files.createDirectory(modules.resolve(module));
            copyClasses(module, copy);
            List<String> arguments =
                    new ArrayList<>(
                            List.of("-Xlint:all,-incubating,-path", "-Werror", "-d", "" + copy));
            arguments.addAll(modulePath());
            arguments.add("" + ROOT.resolve(module).resolve("src/module/java/module-info.java"));
            assertEquals("", run("javac", arguments));
        }
    }

    private static void copyClasses(String module, Path copy) throws IOException {
        Path classes = classes(module);
        try (Stream<Path> files = Files.walk(classes)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path target = copy.resolve(classes.relativize(file).toString());
                if (!file.endsWith("module-info.class")) {
                    Files.createDirectories(target.getParent());
                    Files.copy(file, target);
                }
            }
        }
    }

    private static Path classes(String module) {
        return ROOT.resolve(module).resolve("target/classes");
    }

    @Test
    void aProgramSeesWhatIsApi() throws IOException {
        assertEquals(
                "",
                compile(
                        """
                        org.wanda4j.prune.Pruner pruner;
                        org.wanda4j.prune.Recipe recipe = org.wanda4j.prune.Recipe.DEFAULT;
                        org.wanda4j.method.Method method;
                        org.wanda4j.model.families.ModelConfig config;
                        org.wanda4j.runtime.LanguageModel model;
                        org.wanda4j.serve.Server server;
                        org.wanda4j.hub.Hub hub;
                        tools.jackson.databind.JsonNode json;
                        """));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "org.wanda4j.runtime.internal.decode.Decoder",
                "org.wanda4j.runtime.internal.kernels.RowKernels",
                "org.wanda4j.text.jinja.Template",
                "org.wanda4j.threads.ParallelFor",
            })
    void aProgramDoesNotSeeWhatIsInternal(String type) throws IOException {
        String name = type.substring(0, type.lastIndexOf('.'));
        String errors = compile(type + " value;");
        assertTrue(errors.contains("package " + name + " is not visible"), errors);
    }

    @ParameterizedTest
    @FieldSource("MODULES")
    void everyPackageIsApiOrInternal(String module) throws IOException {
        Set<String> exported =
                descriptor(module).exports().stream()
                        .map(Exports::source)
                        .collect(Collectors.toCollection(TreeSet::new));
        Set<String> expected;
        Path sources = ROOT.resolve(module).resolve("src/main/java");
        try (Stream<Path> files = Files.walk(sources)) {
            expected =
                    files.filter(file -> file.endsWith("package-info.java"))
                            .map(file -> sources.relativize(file.getParent()).toString())
                            .map(name -> name.replace(File.separatorChar, '.'))
                            .filter(name -> !name.matches(".*\\.(internal|jinja)(\\..*)?"))
                            .collect(Collectors.toCollection(TreeSet::new));
        }
        assertEquals(expected, exported);
    }

    /// What makes the jars reads the descriptors in the JVM of Maven.
    @ParameterizedTest
    @FieldSource("MODULES")
    void theOldestJavaThatMavenMayRunOnReadsTheDescriptor(String module) throws IOException {
        Path descriptor = classes(module).resolve("module-info.class");
        byte[] classFile = Files.readAllBytes(descriptor);
        assertTrue(classFile[7] <= 61, "version " + classFile[7]); // of Java 17
    }

    /// Code is compiled on the class path, where it sees all modules of the JDK.
    @ParameterizedTest
    @FieldSource("MODULES")
    void everyModuleOfTheJdkThatIsUsedIsRequired(String module) {
        String used =
                run(
                        "jdeps",
                        List.of(
                                "--print-module-deps",
                                "--ignore-missing-deps",
                                "--multi-release=base",
                                "" + classes(module).resolve("org"))); // Not the descriptor.
        Set<String> required =
                descriptor(module).requires().stream()
                        .map(Requires::name)
                        .collect(Collectors.toCollection(TreeSet::new));
        required.add("java.base");
        List<String> missing =
                Stream.of(used.strip().split(","))
                        .filter(name -> !required.contains(name))
                        .toList();
        assertEquals(List.of(), missing);
    }

    @Test
    void aProgramOnTheModulePathPrunesAndGenerates() throws Exception {
        String output = directory.resolve("out").toString().replace('\\', '/');
        String errors =
                compile(
                        """
                        public static void main(String[] arguments) {
                            var recipe = org.wanda4j.prune.Recipe.DEFAULT.withMethod("magnitude");
                            var output = java.nio.file.Path.of("%s");
                            try (var model = org.wanda4j.checkpoint.Checkpoint.open(java.nio.file.Path.of("%s"))) {
                                org.wanda4j.prune.Pruner.prune(
                                        model,
                                        recipe,
                                        org.wanda4j.text.Corpus.bundledCalibration(),
                                        output,
                                        false,
                                        org.wanda4j.calibrate.RunSettings.defaults());
                            }
                            var sampling = org.wanda4j.runtime.Sampling.GREEDY.withMaxTokens(3);
                            try (var model = org.wanda4j.runtime.LanguageModel.open(output)) {
                                System.out.println(model.generate("The", sampling, piece -> {}).tokens());
                            }
                            System.out.println(org.wanda4j.runtime.LanguageModel.class.getModule());
                        }
                        """
                                .formatted(output, SharedFiles.tinyLlama()));
        assertEquals("", errors);
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--add-modules=" + natives());
        command.addAll(modulePath(directory.resolve("classes")));
        command.addAll(List.of("-m", "program/program.Program"));
        Process process = new ProcessBuilder(command).redirectError(Redirect.DISCARD).start();
        String printed =
                new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), printed);
        assertEquals(List.of("3", "module org.wanda4j.runtime"), printed.lines().toList());
    }

    private static ModuleDescriptor descriptor(String module) {
        return ModuleFinder.of(modules.resolve(module)).findAll().iterator().next().descriptor();
    }

    /// Compiles a class of a module that requires the others.
    ///
    /// @param members of the class
    /// @return errors and warnings
    private String compile(String members) throws IOException {
        Path descriptor = directory.resolve("module-info.java");
        Files.writeString(
                descriptor,
                "module program { requires org.wanda4j.prune; requires org.wanda4j.runtime; requires org.wanda4j.hub; }");
        Path program = directory.resolve("Program.java");
        Files.writeString(program, "package program; public class Program { " + members + " }");
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "-Xlint:-incubating,-path",
                                "-d",
                                "" + directory.resolve("classes")));
        arguments.addAll(modulePath());
        arguments.addAll(List.of("" + descriptor, "" + program));
        return run("javac", arguments);
    }

    /// @param more entries
    private static List<String> modulePath(Path... more) {
        return List.of(
                "--module-path",
                entries(more).map(Path::toString).collect(Collectors.joining(File.pathSeparator)));
    }

    private static Stream<Path> entries(Path... more) {
        Stream<Path> dependencies =
                Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                        .filter(entry -> !LEFT_OUT.matcher(entry.replace('\\', '/')).matches())
                        .map(Path::of);
        return Stream.of(MODULES.stream().map(modules::resolve), dependencies, Arrays.stream(more))
                .flatMap(paths -> paths);
    }

    /// Modules of native code, which no other requires: they are of one platform each.
    private static String natives() {
        return ModuleFinder.of(entries().toArray(Path[]::new)).findAll().stream()
                .map(module -> module.descriptor().name())
                .filter(name -> name.matches("org\\.bytedeco\\.\\w+\\.\\w+\\.\\w+"))
                .collect(Collectors.joining(","));
    }

    /// @return what the tool prints
    private static String run(String tool, List<String> arguments) {
        var printed = new StringWriter();
        var writer = new PrintWriter(printed, true);
        ToolProvider.findFirst(tool)
                .orElseThrow()
                .run(writer, writer, arguments.toArray(String[]::new));
        return printed.toString()
                .lines()
                .filter(line -> !line.matches(NOISE))
                .collect(Collectors.joining("\n"));
    }
}
