package org.wanda4j.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.InvalidInputException;

/// The environment variables of Hugging Face's tools.
class HubSettingsTest {

    private static final Path HOME = Path.of(System.getProperty("user.home"));

    @TempDir private Path directory;

    @Test
    void withoutVariablesItIsThePublicHubAndTheUsersCache() {
        HubSettings settings = HubSettings.of(Map.of());
        assertEquals(URI.create("https://huggingface.co"), settings.endpoint());
        assertEquals(HOME.resolve(".cache/huggingface/hub"), settings.cache());
        assertFalse(settings.offline());
        assertTrue(settings.links());
    }

    @Test
    void withoutCertificatesNobodyIsTrusted() {
        String store = "javax.net.ssl.trustStore";
        assertTrue(Hub.trusted() > 0);
        System.setProperty(store, "NONE"); // an empty one
        try {
            assertEquals(0, Hub.trusted());
        } finally {
            System.clearProperty(store);
        }
    }

    @Test
    void theNearerVariableOfTheCacheWins() {
        assertEquals(
                directory.resolve("a"),
                cache(Map.of("HF_HUB_CACHE", "" + directory.resolve("a"), "HF_HOME", "/b")));
        assertEquals(
                directory.resolve("b/hub"),
                cache(Map.of("HF_HOME", "" + directory.resolve("b"), "XDG_CACHE_HOME", "/c")));
        assertEquals(
                directory.resolve("huggingface/hub"),
                cache(Map.of("XDG_CACHE_HOME", "" + directory)));
        assertEquals(HOME.resolve("x"), cache(Map.of("HF_HUB_CACHE", "~/x")));
        assertEquals(Path.of("/h/x"), cache(Map.of("HF_HUB_CACHE", "~/x", "HOME", "/h")));
        assertEquals(Path.of("/h/.cache/huggingface/hub"), cache(Map.of("HOME", "/h")));
        assertEquals(
                directory.resolve("y"),
                cache(Map.of("HF_HUB_CACHE", "$BASE/y", "BASE", "" + directory)));
    }

    private static Path cache(Map<String, String> environment) {
        return HubSettings.of(environment).cache();
    }

    @Test
    void theTokenIsTheVariablesOrTheFiles() throws IOException {
        Files.writeString(directory.resolve("token"), "hf_file\n");
        Map<String, String> home = Map.of("HF_HOME", "" + directory);
        assertEquals(Optional.of("hf_file"), token(home));
        assertEquals(
                Optional.of("hf_variable"),
                token(Map.of("HF_HOME", "" + directory, "HF_TOKEN", " hf_variable\n")));
        Files.writeString(directory.resolve("token"), "\n");
        assertEquals(Optional.empty(), token(home));
    }

    private static Optional<String> token(Map<String, String> environment) {
        return HubSettings.of(environment).token().map(HubSettings.Token::value);
    }

    @Test
    void aTokenIsNotPrinted() {
        HubSettings settings = HubSettings.of(Map.of("HF_TOKEN", "hf_secret"));
        assertFalse(settings.toString().contains("hf_secret"), settings.toString());
        InvalidInputException refused =
                assertThrows(
                        InvalidInputException.class,
                        () -> HubSettings.of(Map.of("HF_TOKEN", "hf_secret\u00e9")));
        assertFalse(refused.getMessage().contains("hf_secret"), refused.getMessage());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "huggingface.co",
                "ftp://a",
                "file:///etc",
                "https://user:password@host",
                "https://",
                "https://a b",
                "https://host/?query",
                "http://host:65536"
            })
    void anAddressThatIsNoneIsRefused(String endpoint) {
        InvalidInputException refused =
                assertThrows(
                        InvalidInputException.class,
                        () -> HubSettings.of(Map.of("HF_ENDPOINT", endpoint)));
        assertTrue(refused.getMessage().startsWith("HF_ENDPOINT must be"), refused.getMessage());
        assertFalse(refused.getMessage().contains("password@"), refused.getMessage());
    }

    @Test
    void switchesAreReadAsPythonReadsThem() {
        assertTrue(HubSettings.of(Map.of("HF_HUB_OFFLINE", "1")).offline());
        assertTrue(HubSettings.of(Map.of("HF_HUB_OFFLINE", "True")).offline());
        assertFalse(HubSettings.of(Map.of("HF_HUB_OFFLINE", "0")).offline());
        assertFalse(HubSettings.of(Map.of("HF_HUB_DISABLE_SYMLINKS", "yes")).links());
    }
}
