package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelNameTest {

    @ParameterizedTest
    @CsvSource({
        "/models/SmolLM2,                                              SmolLM2",
        "/models/SmolLM2/.,                                            SmolLM2",
        "/hub/models--meta-llama--Llama-3.1-8B/snapshots/0e9e39f2,     meta-llama/Llama-3.1-8B",
        "/hub/models--gpt2/snapshots/607a30d7,                         gpt2",
        "/hub/models--meta-llama--Llama-3.1-8B,                        meta-llama/Llama-3.1-8B",
        "/hub/models--org--name-GGUF/snapshots/607a30d7/name-Q8_0.gguf, org/name-GGUF:name-Q8_0.gguf",
        "/photos/snapshots/today,                                      today",
        "/snapshots/today,                                             today",
        "/home/.cache/wanda4j/gguf/model-Q8_0-5f0c8a1b2d3e4f60,        model-Q8_0",
        "/models/model-Q8_0-5f0c8a1b2d3e4f60,                          model-Q8_0-5f0c8a1b2d3e4f60",
    })
    void aModelIsCalledByItsDirectoryOrAsOnTheHub(Path directory, String name) {
        assertEquals(name, ModelName.of(directory));
    }
}
