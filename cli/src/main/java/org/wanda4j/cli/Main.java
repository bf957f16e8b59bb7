package org.wanda4j.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/// The `wanda` command.
@Command(name = "wanda", mixinStandardHelpOptions = true)
public final class Main implements Runnable {

    private Main() {}

    /// Runs the command and ends the JVM with its exit code.
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Main()).execute(arguments));
    }

    @Override
    public void run() {}
}
