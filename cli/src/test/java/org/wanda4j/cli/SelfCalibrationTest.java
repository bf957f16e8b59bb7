package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// `--calibration self` and mixtures as a user calls them.
class SelfCalibrationTest {

    @TempDir private Path directory;

    private Path prune(String name, String calibration) {
        Path output = directory.resolve(name);
        Wanda wanda =
                Wanda.run(
                        "prune",
                        SharedFiles.tinyLlama().toString(),
                        "-o",
                        output.toString(),
                        "--windows",
                        "8",
                        "--seqlen",
                        "64",
                        "--calibration",
                        calibration);
        assertEquals(0, wanda.exitCode(), wanda.errors()::toString);
        return output;
    }

    private static JsonNode calibration(Path output) {
        return Json.read(output.resolve("wanda-recipe.json")).get("calibration");
    }

    @Test
    void aModelWritesTheSameTextEachTime() throws IOException {
        Path first = prune("first", "self");
        Path second = prune("second", "self");
        assertEquals("self", calibration(first).get("text").asString());
        assertEquals(calibration(first), calibration(second));
        assertArrayEquals(
                Files.readAllBytes(first.resolve("model.safetensors")),
                Files.readAllBytes(second.resolve("model.safetensors")));
    }

    @Test
    void aModelIsRecoveredOnWhatItsTeacherWrites() {
        String model = SharedFiles.tinyLlama().toString();
        Path output = directory.resolve("recovered");
        String[] arguments = {
            "recover",
            prune("pruned", "c4").toString(),
            "--teacher",
            model,
            "-o",
            output.toString(),
            "--calibration",
            "self",
            "--tokens",
            "1024",
            "--seqlen",
            "64",
            "--resume"
        };
        Wanda run = Wanda.run(arguments);
        assertEquals(0, run.exitCode(), run.errors()::toString);
        JsonNode report = Json.read(output.resolve("wanda-recovery-report.json"));
        assertEquals(2, report.get("steps").asInt());
        assertTrue(report.at("/phases/text").asDouble() > 0, report::toString);
        assertTrue(
                report.at("/phases/text").asDouble() < report.get("seconds").asDouble(),
                report::toString);
        JsonNode recipe = Json.read(output.resolve("wanda-recovery-recipe.json"));
        assertEquals("self", recipe.get("text").asString());
        // The run is complete: the text is written once more, and has to be the same.
        Wanda again = Wanda.run(arguments);
        assertEquals(0, again.exitCode(), again.errors()::toString);
        assertEquals(report, Json.read(output.resolve("wanda-recovery-report.json")));
    }

    @Test
    void aMixtureIsNamedByItsSources() throws IOException {
        Path text = Files.writeString(directory.resolve("a.txt"), "The sea is wide. ".repeat(900));
        String both = text + ":0.5,c4:0.25";
        Path mixed = prune("mixed", both);
        assertEquals("a.txt:0.5,c4-sample.jsonl:0.25", calibration(mixed).get("text").asString());
        Path alone = prune("alone", text.toString());
        assertEquals("a.txt", calibration(alone).get("text").asString());
        assertNotEquals(calibration(alone).get("textSha256"), calibration(mixed).get("textSha256"));
    }
}
