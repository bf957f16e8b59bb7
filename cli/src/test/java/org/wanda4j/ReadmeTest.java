package org.wanda4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;

/// The Java in the documentation compiles and does what the text around it says.
class ReadmeTest {

    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();
    private static final Pattern JAVA = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
    private static final List<String> PACKAGES =
            List.of(
                    "java.nio.file",
                    "java.util",
                    "java.util.stream",
                    "org.wanda4j.allocate",
                    "org.wanda4j.calibrate",
                    "org.wanda4j.checkpoint",
                    "org.wanda4j.evaluate",
                    "org.wanda4j.method",
                    "org.wanda4j.model",
                    "org.wanda4j.model.families",
                    "org.wanda4j.prune",
                    "org.wanda4j.report",
                    "org.wanda4j.runtime",
                    "org.wanda4j.sparse",
                    "org.wanda4j.text");

    /// The default, of a run that ends soon.
    private static final String SHORT =
            "Recipe.DEFAULT.withSampling(new Recipe.Sampling(CalibrationSampler.PACKED, 8, OptionalInt.of(64), 0))";

    @TempDir private Path directory;

    @Test
    void theExampleOfTheReadmePrunesAndEvaluates() throws Exception {
        String code =
                javaOf(ROOT.resolve("README.md"))
                        .replace("SmolLM2-135M-Instruct", SharedFiles.tinyLlama().toString())
                        .replace("Recipe.DEFAULT", SHORT)
                        .replace(
                                "Corpus.bundledEvaluation()",
                                "org.wanda4j.EvaluationText.beginning()")
                        .replace("\"half\"", "\"" + directory.resolve("half") + "\"");
        String printed = run("public static void main() {\n" + code + "}");
        assertTrue(printed.contains("50.0 % of the weights are gone"), printed);
        assertTrue(printed.contains("perplexity "), printed);
        assertTrue(Files.exists(directory.resolve("half/model.safetensors")));
    }

    @Test
    void theMethodOfTheHowToPrunes() throws Exception {
        String code =
                javaOf(ROOT.resolve("docs/new-method.md"))
                        .replace("SmolLM2-135M-Instruct", SharedFiles.tinyLlama().toString())
                        .replace("Recipe.DEFAULT", SHORT)
                        .replace("\"out\"", "\"" + directory.resolve("out") + "\"");
        String printed = run(code);
        assertTrue(printed.contains("50.0 %"), printed);
    }

    @Test
    void theFamilyOfTheHowToPrunes() throws Exception {
        Path model = Files.createDirectory(directory.resolve("my-model"));
        for (String file : List.of("model.safetensors", "tokenizer.json")) {
            Files.copy(SharedFiles.tinyLlama().resolve(file), model.resolve(file));
        }
        String config = Files.readString(SharedFiles.tinyLlama().resolve("config.json"));
        Files.writeString(
                model.resolve("config.json"),
                config.replace("\"model_type\": \"llama\"", "\"model_type\": \"mine\""));
        String code =
                javaOf(ROOT.resolve("docs/new-family.md"))
                        .replace("\"my-model\"", "\"" + model + "\"")
                        .replace("Recipe.DEFAULT", SHORT)
                        .replace("\"out\"", "\"" + directory.resolve("out") + "\"");
        String printed = run(code);
        assertTrue(printed.contains("50.0 %"), printed);
        Path llama = directory.resolve("llama");
        try (Checkpoint same = Checkpoint.open(SharedFiles.tinyLlama())) {
            Pruner.prune(
                    same,
                    Recipe.DEFAULT.withSampling(
                            new Recipe.Sampling(
                                    CalibrationSampler.PACKED, 8, OptionalInt.of(64), 0)),
                    Corpus.bundledCalibration(),
                    llama,
                    false,
                    RunSettings.defaults());
        }
        assertEquals(
                -1,
                Files.mismatch(
                        llama.resolve("model.safetensors"),
                        directory.resolve("out/model.safetensors")));
    }

    @Test
    void theExampleOfTheLibraryGenerates() throws Exception {
        String code =
                javaOf(ROOT.resolve("docs/library.md"))
                        .replace("SmolLM2-packed", SharedFiles.tinyLlama().toString());
        String printed = run("public static void main() {\n" + code + "}");
        // It draws, and may draw the end.
        assertTrue(printed.matches("(?s).*\\n[1-9]\\d? tokens, .*"), printed);
        try (LanguageModel model = LanguageModel.open(SharedFiles.tinyLlama())) {
            String text =
                    model.generate("Once upon a time", Sampling.GREEDY.withMaxTokens(64), _ -> {})
                            .text();
            String streamed = printed.substring(printed.indexOf("/s\n") + 3);
            assertTrue(!streamed.isEmpty() && text.startsWith(streamed), printed);
        }
    }

    private static String javaOf(Path document) throws IOException {
        String java =
                JAVA.matcher(Files.readString(document))
                        .results()
                        .map(match -> match.group(1))
                        .collect(Collectors.joining("\n"));
        assertFalse(java.isBlank(), "no Java in " + document);
        return java;
    }

    /// Compiles members of a class that has a `main`, and runs it.
    private String run(String members) throws Exception {
        String imports =
                PACKAGES.stream()
                        .map(name -> "import " + name + ".*;\n")
                        .collect(Collectors.joining());
        Path source =
                Files.writeString(
                        directory.resolve("Example.java"),
                        imports + "public class Example {\n" + members + "\n}\n");
        var messages = new StringWriter();
        var compiler = ToolProvider.getSystemJavaCompiler();
        try (var files = compiler.getStandardFileManager(null, null, null)) {
            boolean compiled =
                    compiler.getTask(
                                    messages,
                                    files,
                                    null,
                                    List.of(
                                            "-d",
                                            directory.toString(),
                                            "-classpath",
                                            System.getProperty("java.class.path")),
                                    null,
                                    files.getJavaFileObjects(source))
                            .call();
            assertTrue(compiled, messages::toString);
        }
        PrintStream out = System.out;
        var printed = new ByteArrayOutputStream();
        try (var loader = new URLClassLoader(new URL[] {directory.toUri().toURL()})) {
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            List<Method> mains =
                    Stream.of(loader.loadClass("Example").getDeclaredMethods())
                            .filter(method -> method.getName().equals("main"))
                            .toList();
            assertEquals(1, mains.size());
            mains.getFirst().invoke(null);
        } finally {
            System.setOut(out);
        }
        return printed.toString(StandardCharsets.UTF_8);
    }
}
