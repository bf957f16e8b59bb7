package org.wanda4j.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.checkpoint.GgmlType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.prune.Preset;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.text.CalibrationSampler;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/// The `wanda` command. Exit codes: 0 done, 1 a fault of the program or a problem that `doctor` found, 2 something that
/// was given cannot be used, 130 and 143 stopped by Ctrl-C and SIGTERM.
@Command(
        name = "wanda",
        description =
                "Prunes large language models: one pass over a little text, half of the weights gone, no retraining.",
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        footer = {
            "",
            "Start with:",
            "  wanda demo                          see the whole job on a tiny model",
            "  wanda prune MODEL -o OUT            remove half of the weights",
            "  wanda eval MODEL OUT                what that cost"
        })
public final class Main implements Runnable {

    private static final List<Class<?>> COMMANDS =
            List.of(
                    PruneCommand.class,
                    RecoverCommand.class,
                    PlanCommand.class,
                    EvalCommand.class,
                    CompareCommand.class,
                    FitCommand.class,
                    InspectCommand.class,
                    PackCommand.class,
                    UnpackCommand.class,
                    ExportCommand.class,
                    FetchCommand.class,
                    CacheCommand.class,
                    GenerateCommand.class,
                    ChatCommand.class,
                    ServeCommand.class,
                    BenchCommand.class,
                    MethodsCommand.class,
                    FamiliesCommand.class,
                    DoctorCommand.class,
                    DemoCommand.class);

    /// Those that somebody waits for to answer.
    private static final Set<String> ANSWERING = Set.of("generate", "chat", "serve");

    private static final int FAULT = 1;
    private static final int UNUSABLE = 2;

    @Spec private CommandSpec spec;

    private final Map<String, String> environment;

    private Main(Map<String, String> environment) {
        this.environment = environment;
    }

    /// The variables that the program was started with.
    Map<String, String> environment() {
        return environment;
    }

    /// Runs the command and exits with its code.
    public static void main(String[] args) {
        if (isAnswering(args)) {
            Thread.ofPlatform().daemon().start(LanguageModel::prepare);
        }
        Locale.setDefault(
                Locale.Category.FORMAT, Locale.ROOT); // numbers as in the text around them
        StandardError.takeBack();
        System.exit(run(args));
    }

    /// Runs the command.
    ///
    /// @return the exit code
    static int run(String... args) {
        return run(System.getenv(), args);
    }

    /// The same with other variables of the environment.
    static int run(Map<String, String> environment, String... args) {
        if (!isAnswering(args)) {
            Parquet.LOGGER.setLevel(Level.WARNING);
        }
        CommandLine commandLine = commandLine(environment, args);
        commandLine.setExecutionStrategy(new HubModels(environment));
        commandLine.setParameterExceptionHandler(Main::explainUsage);
        commandLine.setExecutionExceptionHandler(Main::explain);
        commandLine.registerConverter(
                CalibrationOrder.class, text -> choice(CalibrationOrder.values(), text));
        commandLine.registerConverter(
                CalibrationSampler.class, text -> choice(CalibrationSampler.values(), text));
        commandLine.registerConverter(Allocation.class, text -> choice(Allocation.values(), text));
        commandLine.registerConverter(Preset.class, text -> choice(Preset.values(), text));
        commandLine.registerConverter(
                TrainingOptions.Loss.class, text -> choice(TrainingOptions.Loss.values(), text));
        commandLine.registerConverter(
                TrainingOptions.Part.class, text -> choice(TrainingOptions.Part.values(), text));
        commandLine.registerConverter(
                ComputeOptions.Type.class, text -> choice(ComputeOptions.Type.values(), text));
        commandLine.registerConverter(
                ValueType.class, text -> choice(PackCommand.VALUE_TYPES, text));
        commandLine.registerConverter(GgmlType.class, text -> choice(ExportCommand.TYPES, text));
        return commandLine.execute(args);
    }

    private static boolean isAnswering(String... args) {
        return args.length > 0 && ANSWERING.contains(args[0]);
    }

    /// Of what reads Parquet, which no command does that answers. Loading it takes time.
    private static final class Parquet {

        /// A reference is kept, as a logger that is collected loses its level.
        static final Logger LOGGER = Logger.getLogger("dev.hardwood");
    }

    /// With the command that is named first alone: to make all of them takes a quarter of a second. With all where none is.
    private static CommandLine commandLine(Map<String, String> environment, String... args) {
        var commandLine = new CommandLine(new Main(environment));
        COMMANDS.stream()
                .filter(each -> args.length > 0 && name(each).equals(args[0]))
                .forEach(commandLine::addSubcommand);
        return commandLine.getSubcommands().isEmpty() ? withAllCommands(environment) : commandLine;
    }

    static CommandLine withAllCommands(Map<String, String> environment) {
        var commandLine = new CommandLine(new Main(environment));
        COMMANDS.forEach(commandLine::addSubcommand);
        commandLine.addSubcommand(HelpCommand.class);
        return commandLine;
    }

    private static String name(Class<?> command) {
        return command.getAnnotation(Command.class).name();
    }

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    /// The value that `text` names in lower case.
    private static <E extends Enum<E>> E choice(E[] values, String text) {
        for (E value : values) {
            if (value.name().toLowerCase(Locale.ROOT).equals(text)) {
                return value;
            }
        }
        String names =
                Arrays.stream(values)
                        .map(value -> value.name().toLowerCase(Locale.ROOT))
                        .collect(Collectors.joining(", "));
        throw new TypeConversionException("'" + text + "' is none of " + names);
    }

    private static int explainUsage(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        PrintWriter err = command.getErr();
        err.println("wanda: " + firstLine(e));
        err.println("Try: " + command.getCommandSpec().qualifiedName() + " --help");
        return UNUSABLE;
    }

    private static int explain(Exception e, CommandLine command, CommandLine.ParseResult parsed) {
        PrintWriter err = command.getErr();
        if (e instanceof InvalidInputException) {
            err.println("wanda: " + e.getMessage());
            return UNUSABLE;
        }
        err.println(
                "wanda: this is a fault of the program; please report it to whom you have it from, with what follows and what 'wanda doctor' prints");
        e.printStackTrace(err);
        return FAULT;
    }

    private static String firstLine(Exception e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse(e.toString());
    }

    /// The version that the build gave the jar.
    static final class Version implements IVersionProvider {

        static String text() {
            String version = Main.class.getPackage().getImplementationVersion();
            return version == null ? "development" : version;
        }

        @Override
        public String[] getVersion() {
            return new String[] {"wanda4j " + text()};
        }
    }
}
