package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.recover.Recoverer;
import org.wanda4j.recover.Recovery;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.text.Corpus;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda recover`
@Command(
        name = "recover",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Trains what survives in a pruned checkpoint, towards the dense model or on a text; zeros stay zeros.",
        footer = {
            "",
            "Examples:",
            "  wanda recover SmolLM2-half --teacher SmolLM2 -o SmolLM2-recovered",
            "  wanda recover SmolLM2-half --teacher SmolLM2 -o SmolLM2-recovered --minutes 60 --resume",
            "  wanda recover SmolLM2-half --teacher SmolLM2 -o out --train lora --rank 32 --tokens 1000000",
            "  wanda recover SmolLM2-half --teacher SmolLM2 -o SmolLM2-int4 --values int4",
            "  wanda recover SmolLM2-half -o out --loss text --calibration my-text.jsonl --minutes 30"
        })
final class RecoverCommand implements Runnable {

    @Parameters(
            paramLabel = "PRUNED",
            converter = HubModels.Reference.class,
            description = "pruned checkpoint; what is zero stays zero")
    private Path model;

    @Option(
            names = "--teacher",
            paramLabel = "DENSE",
            converter = HubModels.Reference.class,
            description = "the dense model that it was pruned from; needed unless --loss is text")
    private Path teacher;

    @Mixin private final OutputOptions output = new OutputOptions();

    @Mixin private final ResumeOption resume = new ResumeOption();

    @Mixin private final TrainingOptions training = new TrainingOptions();

    @Mixin private final TextOption text = new TextOption();

    @Option(
            names = "--seqlen",
            paramLabel = "N",
            description = "tokens of a window (default: 256, or what the model can take)")
    private Integer seqlen;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "of the order of the text (default: 0)")
    private long seed;

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Mixin private final ResultOptions result = new ResultOptions();

    @Override
    public void run() {
        RecoverReport report;
        try (Checkpoint pruned = Checkpoint.open(model);
                Checkpoint dense = teacher == null ? null : Checkpoint.open(teacher);
                var progress = new ProgressDisplay();
                var _ = StopNotice.ofRun(output.directory(), Recoverer::left)) {
            compute.printBanner();
            report = recover(pruned, Optional.ofNullable(dense), compute.settings(progress));
        }
        result.print(report, () -> summary(report));
    }

    private RecoverReport recover(
            Checkpoint pruned, Optional<Checkpoint> dense, RunSettings settings) {
        Corpus corpus = text.corpus(model, share -> written(dense, share, settings.threads()));
        if (!resume.given()) {
            return Recoverer.recover(
                    pruned,
                    dense,
                    recovery(),
                    corpus,
                    output.directory(),
                    output.force(),
                    settings);
        }
        Console.note(
                "note: "
                        + Recoverer.left(output.directory())
                                .map(done -> "going on: " + done)
                                .orElse("there is no interrupted run to go on with"));
        return Recoverer.resume(
                pruned, dense, recovery(), corpus, output.directory(), output.force(), settings);
    }

    private Corpus written(Optional<Checkpoint> dense, double share, int threads) {
        Checkpoint writer =
                dense.orElseThrow(() ->
                        new InvalidInputException(
                                "--calibration self is text that the dense model writes: give it as --teacher"));
        return TextOption.written(
                writer.directory(), share * TrainingOptions.textFor(recovery()), seed, threads);
    }

    private Recovery recovery() {
        return training.recovery(
                seqlen == null ? OptionalInt.empty() : OptionalInt.of(seqlen),
                seed,
                compute.typeOfWork());
    }

    static String summary(RecoverReport report) {
        String phases =
                report.phases().entrySet().stream()
                        .map(phase -> "%s %.1f".formatted(phase.getKey(), phase.getValue()))
                        .collect(Collectors.joining(", "));
        return String.join(
                "\n",
                "",
                "loss         %.4f before, %.4f after, on held-out text"
                        .formatted(report.lossBefore(), report.lossAfter()),
                "trained      %,d values (zeros included), %,d steps, %,d tokens, %.0f tokens/s"
                        .formatted(
                                report.parameters(),
                                report.steps(),
                                report.tokens(),
                                report.tokensPerSecond()),
                "sparsity     " + Format.percent(report.sparsity()),
                "time         %s (%s)".formatted(Format.duration(report.seconds()), phases),
                "peak memory  " + Format.megabytes(report.peakResidentBytes()),
                "computed by  " + report.engine(),
                "output       "
                        + report.output()
                        + " (wanda-recovery-report.json and wanda-recovery-recipe.json are inside)");
    }
}
