package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Whatever cannot be used gets one line that says so, exit code 2, and leaves nothing behind.
class BadInputTest {

    private static final int BF16_NAN = 0x7FC0;
    private static final int BF16_INFINITY = 0x7F80;
    private static final int BF16_HUGE = 0x7F7F;

    @TempDir private Path directory;

    private TinyModel model;

    @BeforeEach
    void copyModel() throws IOException {
        model = TinyModel.copyTo(directory.resolve("model"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "--sparsity -0.1; at least 0 and less than 1",
                "--sparsity 1; at least 0 and less than 1",
                "--sparsity 50; did you mean 0.5?",
                "--sparsity-of *down_proj=75; did you mean 0.75?",
                "--sparsity NaN; at least 0 and less than 1",
                "--sparsity abc; 'abc'",
                "--sparsity 0.5 --pattern 2:4; mutually exclusive",
                "--pattern 4:2; 4:2",
                "--pattern 0:0; 0:0",
                "--pattern x; for example 2:4",
                "--pattern 2:5; which 5 does not divide",
                "--method nonsense; magnitude, wanda, wanda-variant",
                "--order sideways; stage, block",
                "--dtype fp8; auto, fp32, bf16",
                "--sampler best; reference, packed",
                "--threads 0; at least 1",
                "--windows 0; at least 1",
                "--seqlen 0; at least 1",
                "--skip nothing*; matches no linear",
                "--only *.99.*; matches no linear",
                "--only [; is no pattern",
                "--skip *; leave no linear",
                "--calibration nowhere.jsonl; nowhere.jsonl",
                "--windows 100000; has 497,132",
                "--sampler reference --seqlen 100000; 100,000",
                "--nonsense; --nonsense",
                "--spark local[2]; set SPARK_HOME",
            })
    void anUnusableOptionIsNamed(String options, String expected) throws IOException {
        assertRefused(expected, options.split(" "));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "prune MODEL -o OUT --tune-epochs 0; at least 1 epoch",
                "prune MODEL -o OUT --tune-lr -1; learning rate between 0 and 1",
                "prune MODEL -o OUT --sparsity-of *=2; at least 0 and less than 1",
                "prune MODEL -o OUT --sparsity-of [=0.5; is no pattern",
                "prune MODEL -o OUT --sparsity-of *; KEY=VALUE",
                "plan MODEL --threads -1; at least 1",
                "plan MODEL --windows 0; at least 1",
                "plan MODEL --seqlen -5; at least 1",
                "plan MODEL --sparsity 50; at least 0 and less than 1",
                "eval MODEL --seqlen 0; at least 2",
                "eval MODEL --windows 0; at least 1",
                "eval MODEL --threads 0; at least 1",
                "eval MODEL --task boolq:FILE --items 0; --items must be at least 1",
                "eval MODEL --task nonsense:FILE; nonsense",
                "compare MODEL -o OUT --methods wanda --sparsities 2; at least 0 and less than 1",
                "compare MODEL -o OUT --methods wanda --sparsities 4:2; 4:2",
                "compare MODEL -o OUT --methods wanda --sparsities x:y; for example 2:4",
                "compare MODEL -o OUT --methods wanda --sparsities 0.5 --eval-seqlen 0; at least 2",
                "compare MODEL -o OUT --methods wanda --sparsities 0.5 --eval-windows 0; at least 1",
                "compare MODEL -o OUT --methods wanda --sparsities 0.5 --windows 0; at least 1",
                "compare MODEL -o OUT --methods wanda --sparsities 0.5 --bench --spark local[2]; leave one of them out",
                "compare MODEL -o OUT --methods wanda --sparsities 0.5 --spark local[2]; set SPARK_HOME",
                "generate MODEL --prompt A --max-tokens -1; must not be negative",
                "generate MODEL --prompt A --temperature -1; must not be negative",
                "generate MODEL --prompt A --temperature NaN; must not be negative",
                "generate MODEL --prompt A --top-k -1; must not be negative",
                "generate MODEL --prompt A --top-p 0; top-p must lie in (0, 1]",
                "generate MODEL --prompt A --min-p 2; min-p must lie in [0, 1]",
                "generate MODEL --prompt A --repetition-penalty 0; must be positive",
                "generate MODEL --prompt A --stop=; a stop text must not be empty",
                "generate MODEL --prompt A --threads 0; at least 1",
                "chat MODEL --threads 0; at least 1",
                "bench MODEL --threads 0; at least 1",
                "prune MODEL -o OUT --calibration c4:0,self:1; a weight must be above 0",
                "prune MODEL -o OUT --calibration c4:0.5,; is no text with a weight",
                "recover MODEL -o OUT --loss text --calibration self; give it as --teacher",
                "bench MODEL --streams 0; between 1 and",
                "bench MODEL --streams 100000; not 100000",
                "bench MODEL --tokens -1; must not be negative",
                "bench MODEL --cpu sse; one of [scalar, vector, avx2, avx512]",
                "serve MODEL --port 70000; must lie in [0, 65535]",
                "serve MODEL --port 0 --host no.such.host.invalid; no host",
                "serve MODEL --port 0 --api-key=; must not be empty",
                "serve MODEL --port 0 --parallel 0; texts can run at once",
                "serve MODEL --port 0 --parallel 100000; texts can run at once",
                "serve MODEL --port 0 --queue -1; must not be negative",
                "serve MODEL --port 0 --max-tokens 0; a token at least",
                "serve MODEL --port 0 --max-body 0; a byte at least",
                "serve MODEL --port 0 --threads 0; at least 1",
            })
    void aValueOutOfItsRangeIsNoFaultOfTheProgram(String command, String expected) {
        Path items = Path.of("../prune/src/test/resources/items/boolq.jsonl");
        List<String> arguments = new ArrayList<>();
        for (String argument : command.split(" ", -1)) {
            arguments.add(
                    argument.replace("MODEL", model.directory().toString())
                            .replace("OUT", directory.resolve("out").toString())
                            .replace("FILE", items.toString()));
        }
        Wanda wanda = Wanda.run(arguments.toArray(String[]::new));
        String errors = String.join("\n", wanda.errors());
        assertEquals(2, wanda.exitCode(), errors);
        assertTrue(errors.contains(expected), errors);
        assertFalse(errors.contains("\tat "), errors);
    }

    @Test
    void aFaultOfTheProgramIsToldAsOne() {
        var faulty =
                new PrintStream(OutputStream.nullOutputStream()) {
                    @Override
                    public void println(String text) {
                        throw new IllegalArgumentException("a fault");
                    }
                };
        Wanda wanda = Wanda.run(faulty, "methods");
        String errors = String.join("\n", wanda.errors());
        assertEquals(1, wanda.exitCode(), errors);
        assertTrue(errors.contains("this is a fault of the program"), errors);
        assertTrue(errors.contains("IllegalArgumentException: a fault\n\tat "), errors);
    }

    @Test
    void aTruncatedFileIsRefused() throws IOException {
        model.truncate(Files.size(model.weights()) - 100);
        assertRefused("truncated");
    }

    @Test
    void aHeaderThatLiesAboutItsLengthIsRefused() throws IOException {
        model.write(
                0,
                ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(Long.MIN_VALUE)
                        .flip());
        assertRefused("header claims");
    }

    @Test
    void aHeaderThatIsNoJsonIsRefused() throws IOException {
        model.write(8, ByteBuffer.wrap(new byte[] {'[', '['}));
        assertRefused("header");
    }

    @Test
    void aMissingShardIsNamed() throws IOException {
        Files.writeString(
                model.without("model.safetensors")
                        .directory()
                        .resolve("model.safetensors.index.json"),
                "{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\"}}");
        assertRefused("model-00001-of-00002.safetensors");
    }

    @Test
    void aShardOutsideTheDirectoryIsRefused() throws IOException {
        Files.writeString(
                model.without("model.safetensors")
                        .directory()
                        .resolve("model.safetensors.index.json"),
                "{\"weight_map\": {\"a\": \"../secret.safetensors\"}}");
        assertRefused("../secret.safetensors");
    }

    @ParameterizedTest
    @CsvSource({
        "model.layers.2.mlp.up_proj.weight,wanda",
        "model.layers.2.mlp.up_proj.weight,magnitude"
    })
    void anInfiniteOrUndefinedWeightIsNamed(String tensor, String method) throws IOException {
        model.poke(tensor, BF16_NAN);
        assertRefused(tensor, "--method", method);
        model.poke(tensor, BF16_INFINITY);
        assertRefused(tensor, "--method", method);
    }

    @Test
    void activationsThatAreNotFiniteAreRefused() throws IOException {
        model.poke("model.layers.1.input_layernorm.weight", BF16_HUGE);
        assertRefused("not finite");
    }

    @Test
    void aTokenizerOfAnotherModelIsRefused() throws IOException {
        Path family = Path.of("../prune/src/test/resources/families/llama-bf16");
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(
                    family.resolve(file),
                    model.directory().resolve(file),
                    StandardCopyOption.REPLACE_EXISTING);
        }
        assertRefused("tokenizer.json belongs to another model");
    }

    @Test
    void aConfigurationOfAnotherModelIsRefused() throws IOException {
        model.edit("config.json", "\"vocab_size\": 2048", "\"vocab_size\": 2047");
        assertRefused("shape [2048, 192]");
    }

    @Test
    void aMissingTokenizerIsNamed() throws IOException {
        model.without("tokenizer.json");
        assertRefused("tokenizer.json");
    }

    @Test
    void aMissingOrBrokenConfigurationIsNamed() throws IOException {
        model.edit("config.json", "\"hidden_size\": 192", "\"hidden_size\": \"wide\"");
        assertRefused("hidden_size must be a positive whole number");
        model.without("config.json");
        assertRefused("config.json: no such file");
    }

    @Test
    void anUnsupportedFamilyIsRefusedWithThoseThatAreSupported() throws IOException {
        model.edit("config.json", "\"model_type\": \"llama\"", "\"model_type\": \"mamba2\"");
        assertRefused("supported: bloom, cohere, falcon");
    }

    @Test
    void pickledWeightsAreRefusedWithTheMend() throws IOException {
        Files.createFile(
                model.without("model.safetensors").directory().resolve("pytorch_model.bin"));
        assertRefused("safe_serialization");
    }

    @Test
    void anOutputThatExistsIsKept() throws IOException {
        Path output = Files.createDirectory(directory.resolve("out"));
        Files.writeString(output.resolve("config.json"), "{}");
        Wanda wanda = prune("--windows", "4", "--seqlen", "32");
        assertEquals(2, wanda.exitCode());
        assertEquals(1, wanda.errors().size());
        assertTrue(wanda.errors().getFirst().contains("--force"));
        assertEquals("{}", Files.readString(output.resolve("config.json")));
    }

    @Test
    void theModelItselfIsNoOutput() {
        Wanda wanda =
                Wanda.run(
                        "prune",
                        model.directory().toString(),
                        "-o",
                        model.directory().toString(),
                        "--force");
        assertEquals(2, wanda.exitCode());
        assertTrue(wanda.errors().getFirst().contains("outside the model"));
    }

    private Wanda prune(String... options) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "prune",
                                model.directory().toString(),
                                "-o",
                                directory.resolve("out").toString()));
        arguments.addAll(List.of(options));
        if (!arguments.contains("--windows")) {
            arguments.addAll(List.of("--windows", "4"));
        }
        if (!arguments.contains("--seqlen")) {
            arguments.addAll(List.of("--seqlen", "32"));
        }
        return Wanda.run(arguments.toArray(String[]::new));
    }

    private void assertRefused(String expected, String... options) throws IOException {
        Wanda wanda = prune(options);
        String errors = String.join("\n", wanda.errors());
        assertEquals(2, wanda.exitCode(), errors);
        List<String> lines =
                wanda.errors().stream().filter(line -> !line.startsWith("Try: ")).toList();
        assertEquals(1, lines.size(), errors);
        assertTrue(lines.getFirst().startsWith("wanda: "), errors);
        assertTrue(lines.getFirst().contains(expected), errors);
        try (Stream<Path> left = Files.list(directory)) {
            assertFalse(left.anyMatch(path -> path.getFileName().toString().startsWith("out")));
        }
    }
}
