package org.wanda4j.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubIdTest {

    @ParameterizedTest
    @CsvSource({
        "Qwen/Qwen3-0.6B, models--Qwen--Qwen3-0.6B",
        "a/b, models--a--b",
        "org_1/name.v2@main, models--org_1--name.v2",
        "org/name@refs/pr/1, models--org--name",
        "org/name@v1.0-rc, models--org--name",
        "datasets/org/name, datasets--org--name",
        "datasets/org/name@main, datasets--org--name"
    })
    void anIdHasAFolderInTheCache(String text, String folder) {
        HubId id = HubId.parse(text).orElseThrow();
        assertEquals(folder, id.folder());
        assertEquals(text, id.toString());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "name",
                "/name",
                "org/",
                "./model",
                "../model",
                "/tmp/model",
                "a/b/c",
                "org/name@",
                "org/name@../x",
                "org/name@/x",
                "org/name@a//b",
                "org/a--b",
                "org/a..b",
                "org/name.git",
                "-org/name",
                ".org/name",
                "org/name-",
                "org/na me",
                "org/name\n",
                "C:/model",
                "https://huggingface.co/org/name",
                "spaces/org/name"
            })
    void whatIsNoIdIsNone(String text) {
        assertEquals(Optional.empty(), HubId.parse(text));
    }

    @Test
    void namesHaveALength() {
        assertTrue(HubId.parse("a".repeat(96) + "/b").isPresent());
        assertTrue(HubId.parse("a".repeat(97) + "/b").isEmpty());
    }
}
