package org.wanda4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/// Writes what is installed beside the program: completion for bash and zsh, and the manual page. The build of the
/// archive runs it; the program does not.
final class Manual {

    /// A line of picocli's script that lists the values of an option.
    private static final Pattern VALUES = Pattern.compile("local (\\w+)_option_args=\\(([^)]*)\\)");

    private Manual() {}

    /// @param args the folder to write into, as `share/` of a system has it
    public static void main(String[] args) throws IOException {
        Path share = Path.of(args[0]);
        CommandLine wanda = Main.withAllCommands(Map.of());
        String completion = completion(wanda);
        write(share.resolve("bash-completion/completions/wanda"), completion);
        // A function that zsh loads at the first use. Its emulation of bash has no compopt.
        write(
                share.resolve("zsh/site-functions/_wanda"),
                """
                #compdef wanda
                (( $+functions[compopt] )) || compopt() { return 0 }
                %s
                _bash_complete -o default -F _complete_wanda
                """
                        .formatted(completion));
        write(share.resolve("man/man1/wanda.1"), page(wanda));
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    /// The script that picocli makes, with the values that options take in place of the names of Java's constants.
    static String completion(CommandLine wanda) {
        var values = new HashMap<String, String>();
        collectValues(wanda, values);
        return VALUES.matcher(AutoComplete.bash("wanda", wanda))
                .replaceAll(line -> {
                    String list =
                            values.getOrDefault(
                                    line.group(1), line.group(2).toLowerCase(Locale.ROOT));
                    return "local " + line.group(1) + "_option_args=(" + list + ")";
                });
    }

    /// The values of options whose label lists them, by the name that picocli's script has for that label.
    private static void collectValues(CommandLine command, Map<String, String> values) {
        for (OptionSpec option : command.getCommandSpec().options()) {
            String label = option.paramLabel();
            if (label.contains("|")) {
                values.put(label.replaceAll("\\W", ""), '"' + label.replace("|", "\" \"") + '"');
            }
        }
        command.getSubcommands().values().forEach(each -> collectValues(each, values));
    }

    /// The manual page, in roff.
    static String page(CommandLine wanda) {
        CommandSpec spec = wanda.getCommandSpec();
        var page = new StringBuilder();
        page.append(".TH WANDA 1 \"\" \"wanda4j ").append(Main.Version.text()).append("\"\n");
        page.append(".SH NAME\nwanda \\- prunes large language models, and runs them\n");
        page.append(".SH SYNOPSIS\n.B wanda\n.I COMMAND\n[options] [arguments]\n");
        page.append(".SH DESCRIPTION\n").append(text(spec.usageMessage().description()));
        page.append(".SH COMMANDS\n");
        wanda.getSubcommands().values().forEach(each -> command(each, page));
        page.append(".SH EXIT STATUS\n");
        entry("0", "done", page);
        entry("1", "a fault of the program, or a problem that doctor found", page);
        entry("2", "something that was given cannot be used", page);
        entry("130, 143", "stopped by Ctrl-C, by SIGTERM", page);
        page.append(".SH ENVIRONMENT\n");
        entry("WANDA_OPTS", "more options for the Java virtual machine, for example -Xmx8g", page);
        return page.toString();
    }

    private static void command(CommandLine command, StringBuilder page) {
        CommandSpec spec = command.getCommandSpec();
        var help = new Help(spec, Help.defaultColorScheme(Help.Ansi.OFF));
        page.append(".SS ").append(escape(spec.qualifiedName())).append('\n');
        page.append(text(spec.usageMessage().description()));
        page.append(".PP\n").append(text(help.synopsis(0)));
        for (PositionalParamSpec parameter : spec.positionalParameters()) {
            if (!parameter.hidden()) {
                entry(parameter.paramLabel(), description(parameter), page);
            }
        }
        for (OptionSpec option : spec.options()) {
            if (!option.hidden() && !option.usageHelp() && !option.versionHelp()) {
                String value = option.arity().max() > 0 ? "=" + option.paramLabel() : "";
                entry(String.join(", ", option.names()) + value, description(option), page);
            }
        }
        String[] footer = spec.usageMessage().footer();
        if (footer.length > 0) {
            page.append(".PP\n.nf\n");
            Arrays.stream(footer)
                    .map(Manual::escape)
                    .forEach(line -> page.append(line).append('\n'));
            page.append(".fi\n");
        }
        command.getSubcommands().values().forEach(each -> command(each, page));
    }

    private static String description(ArgSpec argument) {
        return String.join(" ", argument.description());
    }

    private static void entry(String name, String description, StringBuilder page) {
        page.append(".TP\n.B ").append(escape(name)).append('\n').append(text(description));
    }

    private static String text(String... lines) {
        return Arrays.stream(lines)
                        .flatMap(line -> format(line).lines())
                        .map(line -> escape(line.strip()))
                        .collect(Collectors.joining("\n"))
                + "\n";
    }

    /// Descriptions are format strings, as picocli takes them.
    private static String format(String text) {
        return text.replace("%n", "\n").replace("%%", "%");
    }

    /// The line with what roff would take for a command, or a hyphen, written as itself.
    private static String escape(String line) {
        String escaped = line.replace("\\", "\\e").replace("-", "\\-");
        return escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped;
    }
}
