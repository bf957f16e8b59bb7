package org.wanda4j.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class ManualTest {

    @TempDir Path share;

    @BeforeEach
    void written() throws Exception {
        Manual.main(new String[] {share.toString()});
    }

    @Test
    void the_page_has_every_command() throws Exception {
        String page = Files.readString(share.resolve("man/man1/wanda.1"));

        for (String name : Main.withAllCommands(Map.of()).getSubcommands().keySet()) {
            assertTrue(page.contains("\n.SS wanda " + name + "\n"), name);
        }
        assertTrue(page.contains("\n.B \\-o, \\-\\-output=OUT\n"), page);
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "bash completes")
    void bash_completes_commands_options_and_values() throws Exception {
        assertEquals("generate", completed("wanda gen"));
        assertEquals("--preset", completed("wanda prune --pres"));
        assertEquals("balanced best", completed("wanda prune --preset b"));
        assertEquals("q8_0", completed("wanda export --type q8"));
    }

    /// What bash offers for the last word of the line.
    private String completed(String line) throws Exception {
        String script =
                """
                compopt() { :; }
                source "$1"
                COMP_LINE=$2 COMP_POINT=${#2}
                read -r -a COMP_WORDS <<<"$2"
                COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                _complete_wanda
                printf '%s' "${COMPREPLY[*]%% }"
                """;
        Process process =
                new ProcessBuilder(
                                "bash",
                                "-c",
                                script,
                                "bash",
                                share.resolve("bash-completion/completions/wanda").toString(),
                                line)
                        .redirectErrorStream(true)
                        .start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        process.waitFor();
        return output.strip();
    }
}
