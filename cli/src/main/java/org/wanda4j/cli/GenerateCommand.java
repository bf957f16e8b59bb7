package org.wanda4j.cli;

import java.nio.file.Path;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.LanguageModel;
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
            "  wanda generate SmolLM2-packed --prompt \"Once upon a time\" --temperature 0 --max-tokens 64"
        })
final class GenerateCommand implements Runnable {

    @Parameters(paramLabel = "MODEL", description = "Hugging Face directory, packed or not")
    private Path model;

    @Option(
            names = "--prompt",
            required = true,
            paramLabel = "TEXT",
            description = "the text to go on with")
    private String prompt;

    @Mixin private final SamplingOptions sampling = new SamplingOptions();

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "threads that decode (default: all processors)")
    private int threads = LanguageModel.Settings.DEFAULT.threads();

    @Option(names = "--json", description = "print the answer and its figures as JSON")
    private boolean json;

    @Override
    public void run() {
        var settings = new LanguageModel.Settings(threads, 1, 1);
        try (LanguageModel opened = LanguageModel.open(model, settings)) {
            Generation generation =
                    opened.generate(
                            prompt, sampling.sampling(), json ? _ -> {} : Console::printPart);
            if (json) {
                Console.printJson(generation);
            } else {
                Console.print("");
                Console.note(figures(generation));
            }
        }
    }

    static String figures(Generation generation) {
        return "%d tokens, %.1f/s; first after %.2f s; %s"
                .formatted(
                        generation.tokens(),
                        generation.decodeTokensPerSecond(),
                        generation.secondsToFirst(),
                        LanguageModel.kernels());
    }
}
