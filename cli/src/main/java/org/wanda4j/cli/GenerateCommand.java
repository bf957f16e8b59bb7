package org.wanda4j.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.Generation.FinishReason;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.TokenStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda generate`
@Command(
        name = "generate",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = "Goes on with a text, by a dense or packed model, without libtorch.",
        footer = {
            "",
            "Examples:",
            "  wanda generate SmolLM2-packed --prompt \"The capital of France is\"",
            "  wanda generate SmolLM2-packed --prompt - < text.txt",
            "  wanda generate SmolLM2-packed --prompt \"Once upon a time\" --temperature 0 --max-tokens 64"
        })
final class GenerateCommand implements Callable<Integer> {

    private static final String STANDARD_INPUT = "-";
    private static final int INTERRUPTED = 130;

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description =
                    "Hugging Face directory, packed or not, or a model of the hub: org/name[@revision]")
    private Path model;

    @Option(
            names = "--prompt",
            required = true,
            paramLabel = "TEXT",
            description = "the text to go on with; - reads it from standard input")
    private String prompt;

    @Mixin private final SamplingOptions sampling = new SamplingOptions();

    @Mixin private final DecodeOptions decode = new DecodeOptions();

    @Mixin private final CacheOptions cache = new CacheOptions();

    @Mixin private final ResultOptions result = new ResultOptions();

    @Override
    public Integer call() throws IOException {
        var settings = new LanguageModel.Settings(decode.threads(), 1, 0, 0, cache.bytes());
        try (LanguageModel opened = LanguageModel.open(model, settings)) {
            int[] tokens = opened.tokens(prompt.equals(STANDARD_INPUT) ? standardInput() : prompt);
            TokenStream stream = opened.start(tokens, sampling.sampling(), OptionalInt.empty());
            Generation generation =
                    GenerationDisplay.show(stream, result.json() ? _ -> {} : Console::printPart);
            if (result.json()) {
                Console.printJson(generation);
            } else {
                Console.print("");
                Console.note(GenerationDisplay.figures(generation));
                Console.note("kernels: " + LanguageModel.kernels());
                if (!opened.layout().isEmpty()) {
                    Console.note("weights: " + opened.layout());
                }
            }
            return generation.finish() == FinishReason.CANCELLED ? INTERRUPTED : 0;
        }
    }

    private static String standardInput() throws IOException {
        String text = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        return text.startsWith("\ufeff") ? text.substring(1) : text; // a byte order mark
    }
}
