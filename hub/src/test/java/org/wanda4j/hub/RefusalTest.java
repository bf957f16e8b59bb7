package org.wanda4j.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.nio.file.Files;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.HubServer;
import org.wanda4j.checkpoint.InvalidInputException;

/// Every refusal is one line with its own mend.
class RefusalTest extends HubTest {

    private String refused(HubSettings settings, String id) {
        String message =
                assertThrows(
                                InvalidInputException.class,
                                () -> fetch(settings, HubId.parse(id).orElseThrow()))
                        .getMessage();
        assertTrue(message.startsWith(id + ": "), message);
        assertFalse(message.contains("hf_secret"), message);
        assertFalse(Files.exists(repo()));
        return message;
    }

    private HubSettings withToken() {
        return new HubSettings(
                URI.create(server.endpoint()),
                cache(),
                Optional.of(new HubSettings.Token("hf_secret", "HF_TOKEN")),
                false,
                true);
    }

    private void answer(int status, String header, String value) {
        server.answering(
                "/revision/main",
                exchange -> {
                    if (!header.isEmpty()) {
                        exchange.getResponseHeaders().set(header, value);
                    }
                    exchange.sendResponseHeaders(status, -1);
                    return true;
                });
    }

    @Test
    void aNameThatIsNotThere() {
        String message = refused(settings(), "org/other");
        assertTrue(message.contains("no such model on 127.0.0.1: check the name"), message);
    }

    @Test
    void aRevisionThatIsNotThere() {
        String message = refused(settings(), "org/name@v9");
        assertTrue(message.contains("there is no revision 'v9'"), message);
    }

    @ParameterizedTest
    @CsvSource({
        "401, X-Error-Code, GatedRepo, accept its terms on, set HF_TOKEN",
        "403, X-Error-Code, GatedRepo, accept its terms on, set HF_TOKEN",
        "401, X-Error-Code, RepoNotFound, no such model on, set HF_TOKEN if it is private",
        "401, '', '', no such model on, set HF_TOKEN if it is private",
        "403, X-Error-Message, Not for you, 'refuses it (403, Not for you)', set HF_TOKEN",
        "404, '', '', no such model on, check the name",
        "429, Retry-After, 3600, too many requests, try again in 3600 s; with HF_TOKEN",
        "429, '', '', too many requests, try again later",
        "500, '', '', has a fault (500), try again later",
        "503, '', '', has a fault (503), try again later",
        "418, '', '', answers 418, HF_ENDPOINT"
    })
    void eachStatusHasItsMend(int status, String header, String value, String what, String mend) {
        answer(status, header, value);
        String message = refused(settings(), "org/name");
        assertTrue(message.contains(what) && message.contains(mend), message);
    }

    @ParameterizedTest
    @CsvSource({
        "401, X-Error-Code, GatedRepo, the user of the token of HF_TOKEN has no access",
        "401, X-Error-Message, Invalid credentials in Authorization header, refuses the token of HF_TOKEN",
        "403, '', '', give the token of HF_TOKEN the right to read it",
        "404, '', '', for the user of the token of HF_TOKEN: check the name"
    })
    void withATokenItIsTheTokens(int status, String header, String value, String what) {
        answer(status, header, value);
        String message = refused(withToken(), "org/name");
        assertTrue(message.contains(what), message);
    }

    @Test
    void aServerThatIsNotThere() {
        server.close();
        String message = refused(settings(), "org/name");
        assertTrue(message.contains("127.0.0.1 cannot be reached"), message);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../config.json",
                "a/../../config.json",
                "/etc/passwd",
                "a//b.json",
                "",
                "./config.json",
                "a/",
                "..",
                "a\\\\..\\\\b.json",
                "C:/config.json",
                "con\\u0000fig.json"
            })
    void aNameThatLeadsElsewhereIsRefused(String path) {
        model(random(10))
                .listing(
                        path,
                        "{\"type\": \"file\", \"path\": \"%s\", \"size\": 1, \"oid\": \"%s\"}"
                                .formatted(path, HubServer.COMMIT));
        String message = refused(settings(), "org/name");
        assertTrue(message.contains("nothing is fetched"), message);
        assertEquals(List.of(), server.fetched());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"type\": \"file\", \"path\": \"config.json\", \"size\": 1}",
                "{\"type\": \"file\", \"path\": \"config.json\", \"oid\": \"0123456789abcdef0123456789abcdef01234567\"}",
                "{\"type\": \"file\", \"path\": \"config.json\", \"size\": -1, \"oid\": \"0123456789abcdef0123456789abcdef01234567\"}",
                "{\"type\": \"file\", \"path\": \"config.json\", \"size\": 1e300, \"oid\": \"0123456789abcdef0123456789abcdef01234567\"}",
                "{\"type\": \"file\", \"path\": \"config.json\", \"size\": 1, \"oid\": \"../../x\"}",
                "{\"type\": \"file\", \"path\": \"config.json\", \"size\": 1, \"oid\": \"0123\", \"lfs\": {\"oid\": \"0123\", \"size\": 1}}"
            })
    void anEntryWithoutSizeOrDigestIsRefused(String entry) {
        server.withLarge(MODEL, random(10)).listing("config.json", entry);
        String message = refused(settings(), "org/name");
        assertTrue(message.contains("without its size or digest"), message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "<html>", "[]", "{\"sha\": \"../../x\"}", "{\"sha\": 3}", "{}"})
    void anAnswerOfAnotherServerIsRefused(String answer) {
        server.answering(
                "/revision/main",
                exchange -> {
                    HubServer.content(exchange, utf8(answer));
                    return true;
                });
        refused(settings(), "org/name");
    }

    @ParameterizedTest
    @CsvSource({
        "pytorch_model.bin, pickled",
        "model-q4_k_m.gguf, 'GGUF files: take the model that they were made from, or one of them by what its name ends with, as :Q8_0 behind the id; there are model-q4_k_m.gguf'",
        "flax_model.msgpack, is it a model of transformers?"
    })
    void aModelInAnotherFormatIsRefusedBeforeItIsFetched(String file, String expected) {
        server.with("config.json", utf8("{}")).withLarge(file, random(10));
        String message = refused(settings(), "org/name");
        assertTrue(message.contains(expected), message);
        assertEquals(List.of(), server.fetched());
    }
}
