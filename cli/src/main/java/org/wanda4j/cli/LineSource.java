package org.wanda4j.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.Charset;
import java.util.Optional;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.reader.impl.completer.StringsCompleter;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// Lines of standard input, typed or piped.
sealed interface LineSource extends AutoCloseable {

    /// The next line; empty where there is none any more.
    Optional<String> read();

    @Override
    void close();

    /// With editing and history on a terminal that can; plain otherwise, without escape codes.
    static LineSource open(String prompt, String... completions) {
        String type = Optional.ofNullable(System.getenv("TERM")).orElse(Terminal.TYPE_DUMB);
        return Console.isTerminal() && !type.equals(Terminal.TYPE_DUMB)
                ? new Edited(prompt, completions)
                : new Plain(Console.isTerminal() ? prompt : "");
    }

    /// Lines as they come.
    final class Plain implements LineSource {

        private final BufferedReader in =
                new BufferedReader(
                        new InputStreamReader(
                                System.in,
                                Charset.forName(System.getProperty("stdin.encoding", "UTF-8"))));
        private final String prompt;

        private Plain(String prompt) {
            this.prompt = prompt;
        }

        @Override
        public Optional<String> read() {
            Console.printPart(prompt);
            try {
                return Optional.ofNullable(in.readLine());
            } catch (IOException e) {
                throw new InvalidInputException("cannot read what is typed: " + Reason.of(e), e);
            }
        }

        @Override
        public void close() {
            // Standard input is not this program's to close.
        }
    }

    /// Lines that are edited.
    final class Edited implements LineSource {

        private final String prompt;
        private final Terminal terminal;
        private final LineReader reader;

        private Edited(String prompt, String... completions) {
            this.prompt = prompt;
            try {
                terminal = TerminalBuilder.builder().system(true).build();
            } catch (IOException e) {
                throw new InvalidInputException("cannot use this terminal: " + Reason.of(e), e);
            }
            reader =
                    LineReaderBuilder.builder()
                            .terminal(terminal)
                            .completer(new StringsCompleter(completions))
                            // Quotes, backslashes and exclamation marks are text here.
                            .parser(
                                    new DefaultParser()
                                            .quoteChars(new char[0])
                                            .escapeChars(new char[0]))
                            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
                            .build();
        }

        @Override
        public Optional<String> read() {
            while (true) {
                try {
                    return Optional.of(reader.readLine(prompt));
                } catch (UserInterruptException e) {
                    Console.note("Ctrl-D or /exit ends");
                } catch (EndOfFileException e) {
                    return Optional.empty();
                }
            }
        }

        @Override
        public void close() {
            try {
                terminal.close();
            } catch (IOException e) {
                // It is not used any more.
            }
        }
    }
}
