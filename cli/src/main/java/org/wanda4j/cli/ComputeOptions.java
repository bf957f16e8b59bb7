package org.wanda4j.cli;

import java.util.Optional;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import picocli.CommandLine.Option;

/// Options of every command that runs a model.
final class ComputeOptions {

    enum Type {
        AUTO,
        FP32,
        BF16
    }

    @Option(
            names = "--dtype",
            paramLabel = "auto|fp32|bf16",
            defaultValue = "auto",
            description =
                    "type to compute in; auto is bf16 where the CPU multiplies it and fp32 elsewhere (default: auto)")
    private Type type;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description =
                    "threads that compute (default: all cores); the result does not depend on it")
    private Integer threads;

    @Option(
            names = "--device",
            paramLabel = "cpu|cuda[:N]|auto",
            defaultValue = "cpu",
            description =
                    "where models are run and pruned; auto is the first card where there is one. Untried on a card: docs/cuda.md (default: cpu)")
    private String device;

    private Optional<Device> chosen = Optional.empty();

    /// @throws InvalidInputException when there is none of that name
    Device device() {
        if (chosen.isEmpty()) {
            chosen = Optional.of(Device.named(device));
        }
        return chosen.get();
    }

    Optional<ComputeType> type() {
        return switch (type) {
            case AUTO -> Optional.empty();
            case FP32 -> Optional.of(ComputeType.FP32);
            case BF16 -> Optional.of(ComputeType.BF16);
        };
    }

    /// The type to prune and to train in: on a card, bf16 where none was chosen.
    Optional<ComputeType> typeOfWork() {
        return type().or(
                        () -> device().isCard() ? Optional.of(ComputeType.BF16) : Optional.empty());
    }

    int threads() {
        return threads == null ? RunSettings.defaults().threads() : threads;
    }

    RunSettings settings(Progress progress) {
        RunSettings settings = RunSettings.defaults().withProgress(progress).withDevice(device());
        return threads == null ? settings : settings.withThreads(threads);
    }

    /// Prints what will run, and a note where the chosen type is slow on this machine.
    void printBanner() {
        Console.note(
                "wanda4j "
                        + Main.Version.text()
                        + ": "
                        + Platform.describe()
                        + (device().isHost() ? "" : ", on " + device()));
        if (type == Type.BF16 && device().isHost() && !ComputeType.multipliesBf16()) {
            Console.note(
                    "note: this CPU has no fast bf16 arithmetic, so --dtype bf16 is slower here than fp32");
        }
    }
}
