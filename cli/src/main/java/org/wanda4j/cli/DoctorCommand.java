package org.wanda4j.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.FreeSpace;
import org.wanda4j.checkpoint.GgufCache;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.hub.Hub;
import org.wanda4j.hub.HubSettings;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Libtorch;
import org.wanda4j.torch.Libtorch.Cuda;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;

/// `wanda doctor`
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description =
                "Checks what this machine has, and says how to mend what is missing. Exit code 1 when something is.",
        footer = {"", "Examples:", "  wanda doctor", "  wanda doctor --json"})
final class DoctorCommand implements Callable<Integer> {

    private static final int OLDEST_JAVA = 25;
    private static final long LEAST_MEMORY = 2L << 30;
    private static final long LEAST_DISK = 2L << 30;

    @ParentCommand private Main main;

    @Mixin private final ResultOptions result = new ResultOptions();

    /// Result of one check.
    ///
    /// @param mend what to do; empty where all is well
    record Finding(String what, String found, String mend) {

        boolean good() {
            return mend.isEmpty();
        }
    }

    /// What `--json` prints.
    record Findings(boolean good, List<Finding> findings) {}

    @Override
    public Integer call() {
        List<Finding> findings = examine();
        boolean good = findings.stream().allMatch(Finding::good);
        if (result.json()) {
            Console.printJson(new Findings(good, findings));
        } else {
            for (Finding finding : findings) {
                Console.print(
                        "%-4s %-9s %s"
                                .formatted(
                                        finding.good() ? "ok" : "BAD",
                                        finding.what(),
                                        finding.found()));
                if (!finding.good()) {
                    Console.print("               mend: " + finding.mend());
                }
            }
            Console.print(good ? "All is well." : "Something is wrong, see above.");
        }
        return good ? 0 : 1;
    }

    private List<Finding> examine() {
        return List.of(
                java(),
                simd(),
                attempt("decoding", DoctorCommand::decoding),
                attempt("libtorch", DoctorCommand::libtorch),
                attempt("cards", DoctorCommand::cards),
                threads(),
                memory(),
                disk(),
                attempt("hub", this::hub),
                attempt("imports", this::imports));
    }

    private static Finding java() {
        Runtime.Version version = Runtime.version();
        return new Finding(
                "JDK",
                version + " in " + System.getProperty("java.home"),
                version.feature() >= OLDEST_JAVA
                        ? ""
                        : "install a JDK " + OLDEST_JAVA + " or newer");
    }

    private static Finding simd() {
        Kernels kernels = Kernels.best();
        return new Finding(
                "SIMD",
                kernels.description(),
                kernels.vectorized()
                        ? ""
                        : "selection runs without SIMD; start java with --add-modules jdk.incubator.vector, as ./wanda does");
    }

    private static Finding decoding() {
        int threads = Runtime.getRuntime().availableProcessors();
        return new Finding(
                "decoding",
                LanguageModel.kernels() + "; " + LanguageModel.gainOfZeros(threads),
                "");
    }

    private static Finding libtorch() {
        Libtorch libtorch;
        try {
            libtorch = Libtorch.load();
        } catch (InvalidInputException e) {
            return new Finding("libtorch", "none that can be used", e.getMessage());
        }
        boolean plain = Engine.cpuCapability().equalsIgnoreCase("default");
        return new Finding(
                "libtorch",
                "%s, JNI library %s, kernels for %s, bf16 %s"
                        .formatted(
                                libtorch.describe(),
                                Engine.version(),
                                Engine.cpuCapability(),
                                ComputeType.multipliesBf16()
                                        ? "faster than fp32"
                                        : "slower than fp32 (auto computes in fp32)"),
                plain && System.getProperty("os.arch").equals("amd64")
                        ? "unset ATEN_CPU_CAPABILITY, or use a CPU with AVX2"
                        : "");
    }

    /// Cards, and whether libtorch can compute there.
    private static Finding cards() {
        List<Libtorch.Card> cards = Libtorch.cards();
        if (cards.isEmpty()) {
            return new Finding("cards", "none of NVIDIA's", "");
        }
        String found =
                cards.stream()
                        .map(card -> card.name() + ", " + Format.megabytes(card.bytes()))
                        .collect(Collectors.joining("; "));
        return switch (Libtorch.load().cuda()) {
            case Cuda.Loaded _ -> new Finding("cards", found, "");
            case Cuda.None _ ->
                    new Finding(
                            "cards",
                            found
                                    + "; not used by a libtorch for the CPU: "
                                    + Libtorch.INSTALLATION,
                            "");
            case Cuda.Broken(String reason) ->
                    new Finding(
                            "cards",
                            found + "; not used: " + reason,
                            "install what PyTorch needs for CUDA beside it: "
                                    + Libtorch.INSTALLATION);
        };
    }

    private static Finding threads() {
        return new Finding("threads", Runtime.getRuntime().availableProcessors() + " cores", "");
    }

    private static Finding memory() {
        long bytes = RunSettings.physicalMemory();
        return new Finding(
                "memory",
                Format.megabytes(bytes)
                        + ", heap up to "
                        + Format.megabytes(Runtime.getRuntime().maxMemory()),
                bytes >= LEAST_MEMORY ? "" : "less than 2 GB: give the machine or container more");
    }

    private static Finding disk() {
        Path cache = Path.of(System.getProperty("user.home"));
        long here = FreeSpace.of(Path.of("").toAbsolutePath());
        long there = FreeSpace.of(cache);
        return new Finding(
                "disk",
                Format.megabytes(here)
                        + " free here, "
                        + Format.megabytes(there)
                        + " free in "
                        + cache,
                Math.min(here, there) >= LEAST_DISK
                        ? ""
                        : "make room: libtorch unpacks 445 MB into ~/.javacpp, a GGUF model is decoded to ~/.cache, an output takes as much as its model");
    }

    /// Without opening a connection.
    private Finding hub() {
        HubSettings settings;
        try {
            settings = HubSettings.of(main.environment());
        } catch (InvalidInputException e) {
            return new Finding("hub", "no model can be fetched", e.getMessage());
        }
        boolean unverified = settings.endpoint().getScheme().equals("https") && Hub.trusted() == 0;
        return new Finding(
                "hub",
                "%s%s, %s; cache %s"
                        .formatted(
                                settings.endpoint(),
                                settings.offline() ? " (not asked: HF_HUB_OFFLINE)" : "",
                                settings.token().map(Object::toString).orElse("no token"),
                                settings.cache()),
                unverified
                        ? "Java has no certificates to know the hub by: install the system's (ca-certificates-java), or a JDK from its vendor's archive"
                        : mend(settings.cache(), "HF_HUB_CACHE"));
    }

    private Finding imports() {
        Path directory = GgufCache.of(main.environment()).directory();
        return new Finding(
                "imports", "GGUF files to " + directory, mend(directory, "XDG_CACHE_HOME"));
    }

    /// What to do where nothing can be written to a folder, or no folder be made of that name.
    ///
    /// @param variable that names another place
    private static String mend(Path folder, String variable) {
        Path existing = folder.toAbsolutePath();
        while (!Files.exists(existing)) {
            existing = existing.getParent();
        }
        return Files.isDirectory(existing) && Files.isWritable(existing)
                ? ""
                : "%s cannot be written to: make it a folder of yours, or name another by %s"
                        .formatted(existing, variable);
    }

    /// A check that throws becomes a finding.
    private static Finding attempt(String what, Callable<Finding> check) {
        try {
            return check.call();
        } catch (Exception | LinkageError e) {
            return new Finding(what, "fails: " + e, "see docs/troubleshooting.md");
        }
    }
}
