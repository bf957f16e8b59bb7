package org.wanda4j.cli;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ModelDirectory;
import org.wanda4j.hub.FetchProgress;
import org.wanda4j.hub.Hub;
import org.wanda4j.hub.HubId;
import org.wanda4j.hub.HubSettings;
import org.wanda4j.hub.Snapshot;
import picocli.CommandLine;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.IExecutionStrategy;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;

/// Gets models before a command runs: what stands for a model there, and is no file or directory but an id of the hub, becomes the
/// directory that it was fetched to; a GGUF file is imported.
final class HubModels implements IExecutionStrategy {

    private final Map<String, String> environment;

    HubModels(Map<String, String> environment) {
        this.environment = environment;
    }

    /// Marks parameters and options that are models.
    static class Reference implements ITypeConverter<Path> {

        @Override
        public Path convert(String text) {
            return Path.of(text);
        }

        /// Fetches what of the model the command needs.
        Snapshot fetch(Hub hub, HubId id, FetchProgress progress) {
            return hub.fetch(id, progress);
        }
    }

    /// Marks those whose weights need not be there.
    static final class Described extends Reference {

        @Override
        Snapshot fetch(Hub hub, HubId id, FetchProgress progress) {
            return hub.fetchConfiguration(id, progress);
        }
    }

    @Override
    public int execute(ParseResult all) {
        ParseResult command = all;
        while (command.hasSubcommand()) {
            command = command.subcommand();
        }
        if (!command.isUsageHelpRequested() && !command.isVersionHelpRequested()) {
            CommandLine commandLine = command.commandSpec().commandLine();
            tellTexts(command.commandSpec());
            try {
                command.commandSpec().args().forEach(this::fetch);
            } catch (InvalidInputException e) {
                throw new ExecutionException(commandLine, e.getMessage(), e);
            }
        }
        return new RunLast().execute(all);
    }

    /// Texts are fetched when they are read: which there are is known then.
    private void tellTexts(CommandSpec options) {
        if (options.userObject() instanceof TextReading reading) {
            reading.environment(environment);
        }
        options.mixins().values().forEach(this::tellTexts);
    }

    private void fetch(ArgSpec parameter) {
        for (ITypeConverter<?> converter : parameter.converters()) {
            if (converter instanceof Reference model) {
                switch (parameter.<Object>getValue()) {
                    case Path path -> parameter.setValue(directory(path, model));
                    case List<?> paths ->
                            parameter.setValue(
                                    paths.stream()
                                            .map(path -> directory((Path) path, model))
                                            .toList());
                    case null, default -> {} // Not given.
                }
            }
        }
    }

    private Path directory(Path given, Reference model) {
        Path found = Files.exists(given) ? given : fetched(given, model);
        try (var display = ProgressDisplay.ofBytes();
                var _ = StopNotice.ofWhole()) {
            ModelDirectory.prepare(found, new Shown(display));
        }
        return found;
    }

    private Path fetched(Path given, Reference model) {
        String text = given.toString().replace(File.separatorChar, '/');
        Optional<HubSource> source = HubSource.parse(text);
        if (source.isPresent() && source.get().id().kind() != HubId.Kind.MODEL) {
            throw new InvalidInputException(
                    source.get().id() + " is a data set, and a model is needed");
        }
        return source.map(it -> it.place(fetch(it, environment, model))).orElse(given);
    }

    /// For what should have been an id.
    static InvalidInputException noId(String text) {
        return new InvalidInputException(
                "'%s' is no id of the hub; write org/name or org/name@revision".formatted(text));
    }

    /// Fetches a model, with its progress on standard error.
    ///
    /// @param model what of it is needed; of a GGUF file all is
    static Snapshot fetch(HubSource source, Map<String, String> environment, Reference model) {
        return withProgress(
                environment,
                (hub, progress) ->
                        source.part().isPresent()
                                ? hub.fetchGguf(source.id(), source.part().get(), progress)
                                : model.fetch(hub, source.id(), progress));
    }

    /// Fetches something, with its progress on standard error.
    static <T> T withProgress(
            Map<String, String> environment, BiFunction<Hub, FetchProgress, T> fetch) {
        var hub = new Hub(HubSettings.of(environment));
        try (var display = ProgressDisplay.ofBytes();
                var _ = StopNotice.ofRepeatable()) {
            return fetch.apply(hub, new Shown(display));
        }
    }

    private record Shown(ProgressDisplay display) implements FetchProgress {

        @Override
        public void start(String what, long bytes) {
            display.start(what, bytes);
        }

        @Override
        public void advance(long bytes, String step) {
            display.advance(bytes, step);
        }

        @Override
        public void note(String text) {
            Console.note("note: " + text);
        }
    }
}
