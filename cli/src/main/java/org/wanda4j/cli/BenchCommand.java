package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.families.Families;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.runtime.InstructionSet;
import org.wanda4j.runtime.Throughput;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda bench`
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = "Measures how fast models decode: prefill and decode apart, in tokens/s.",
        footer = {
            "",
            "Examples:",
            "  wanda bench SmolLM2 SmolLM2-packed",
            "  wanda bench SmolLM2-packed --cpu avx2",
            "  wanda bench SmolLM2-packed --streams 8",
            "  wanda bench SmolLM2-packed --prompt-tokens 0 --tokens 256 --threads 8 --json"
        })
final class BenchCommand implements Runnable {

    @Parameters(
            arity = "1..*",
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description = "Hugging Face directories, packed or not")
    private List<Path> models;

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            defaultValue = "512",
            description = "length of the prompt that is prefilled (default: 512)")
    private int promptTokens;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            defaultValue = "128",
            description = "tokens that are decoded from an empty text (default: 128)")
    private int tokens;

    @Option(
            names = "--streams",
            paramLabel = "N",
            defaultValue = "1",
            description =
                    "texts that are decoded together; tokens/s are of all of them (default: 1)")
    private int streams;

    @Option(
            names = "--repeats",
            paramLabel = "N",
            defaultValue = "5",
            description =
                    "how often each is measured, after a warm-up of at least 5 s each (default: 5)")
    private int repeats;

    @Mixin private final DecodeOptions decode = new DecodeOptions();

    @Option(
            names = "--cpu",
            paramLabel = "SET",
            converter = Cpu.class,
            description =
                    "use the kernels for these instructions: avx512, avx2, vector or scalar (default: the fastest that the machine has)")
    private InstructionSet cpu;

    @Mixin private final ResultOptions result = new ResultOptions();

    /// `--cpu`
    private static final class Cpu implements ITypeConverter<InstructionSet> {

        @Override
        public InstructionSet convert(String name) {
            return InstructionSet.named(name);
        }
    }

    /// What `--json` prints.
    record Results(List<Result> results) {}

    /// One model.
    ///
    /// @param prefillTokensPerSecond mean of the repeats
    /// @param prefillDeviation standard deviation of the repeats
    /// @param decodeTokensPerSecond mean of the repeats
    /// @param decodeDeviation standard deviation of the repeats
    /// @param bytesPerToken of weights that are read for a token
    /// @param bytesPerWeight the same for each weight, zeros included
    /// @param gigabytesPerSecond bytesPerToken times decodeTokensPerSecond, divided by the streams, which read them together
    /// @param streams texts that were decoded together
    record Result(
            String model,
            double prefillTokensPerSecond,
            double prefillDeviation,
            double decodeTokensPerSecond,
            double decodeDeviation,
            long bytesPerToken,
            double bytesPerWeight,
            double gigabytesPerSecond,
            OptionalLong peakResidentBytes,
            int threads,
            int streams,
            String kernels,
            String layout) {

        static Result of(Path model, Throughput measured, int threads, int streams) {
            Throughput.Rate prefill = measured.prefillRate();
            Throughput.Rate decode = measured.decodeRate();
            return new Result(
                    model.toString(),
                    prefill.mean(),
                    prefill.deviation(),
                    decode.mean(),
                    decode.deviation(),
                    measured.bytesPerToken(),
                    (double) measured.bytesPerToken() / measured.weights(),
                    measured.bytesPerToken() * decode.mean() / streams / 1e9,
                    PeakMemory.bytes(),
                    threads,
                    streams,
                    measured.kernels(),
                    measured.layout());
        }
    }

    @Override
    public void run() {
        var work = new Throughput.Work(promptTokens, tokens, streams, repeats);
        models.forEach(BenchCommand::check);
        List<Result> results = new ArrayList<>();
        try {
            for (Path model : models) {
                Console.note("measuring " + Format.model(model.toString()));
                PeakMemory.reset();
                results.add(
                        Result.of(
                                model,
                                Throughput.measure(
                                        model, work, decode.threads(), Optional.ofNullable(cpu)),
                                decode.threads(),
                                streams));
            }
        } finally {
            print(results);
        }
    }

    /// Refuses a model that cannot be measured before another one is.
    private static void check(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Families.describe(checkpoint);
        }
    }

    private void print(List<Result> results) {
        if (results.isEmpty()) {
            return;
        }
        if (result.json()) {
            Console.printJson(new Results(results));
        } else {
            Console.note("kernels: " + results.getFirst().kernels());
            for (Result result : results) {
                if (!result.layout().isEmpty()) {
                    Console.note(Format.model(result.model()) + ": " + result.layout());
                }
            }
            Console.print(table(results));
        }
    }

    private String table(List<Result> results) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(
                List.of(
                        "",
                        "prefill " + promptTokens,
                        "decode " + (streams == 1 ? "" : streams + " x ") + tokens,
                        "MB/token",
                        "bytes/weight",
                        "GB/s",
                        "peak memory"));
        for (Result result : results) {
            rows.add(
                    List.of(
                            Format.model(result.model()),
                            rate(result.prefillTokensPerSecond(), result.prefillDeviation()),
                            rate(result.decodeTokensPerSecond(), result.decodeDeviation()),
                            "%.1f".formatted(result.bytesPerToken() / 1e6),
                            "%.2f".formatted(result.bytesPerWeight()),
                            "%.1f".formatted(result.gigabytesPerSecond()),
                            Format.megabytes(result.peakResidentBytes())));
        }
        return Format.table(rows);
    }

    private static String rate(double mean, double deviation) {
        return mean == 0 ? "-" : "%.1f ± %.1f /s".formatted(mean, deviation);
    }
}
