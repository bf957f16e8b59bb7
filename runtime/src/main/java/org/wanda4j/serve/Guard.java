package org.wanda4j.serve;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// Who may call.
final class Guard {

    private static final String BEARER = "Bearer ";
    private static final Set<String> THIS_MACHINE = Set.of("localhost", "127.0.0.1", "[::1]");

    private final Optional<byte[]> key;
    private final boolean thisMachineAlone;

    Guard(Server.Settings settings) {
        this.key = settings.key().map(text -> text.getBytes(StandardCharsets.UTF_8));
        this.thisMachineAlone =
                settings.address().getAddress().isLoopbackAddress() && key.isEmpty();
    }

    /// A server without a key that listens to this machine alone answers under this machine's names alone: a page from
    /// elsewhere could otherwise have a browser call it under a name of its own (DNS rebinding).
    void checkHost(Call call) {
        if (thisMachineAlone && !THIS_MACHINE.contains(host(call))) {
            throw ApiError.invalid(
                    403,
                    "this server answers under localhost alone; with --api-key or --host it answers under any name");
        }
    }

    private static String host(Call call) {
        try {
            String host = URI.create("http://" + call.header("Host").orElse("")).getHost();
            return Optional.ofNullable(host).orElse("").toLowerCase(Locale.ROOT);
        } catch (IllegalArgumentException e) {
            return "";
        }
    }

    /// Takes as long for a wrong key as for the right one.
    void checkKey(Call call) {
        if (key.isEmpty()) {
            return;
        }
        String given =
                call.header("Authorization").filter(it -> it.startsWith(BEARER)).orElse(BEARER);
        byte[] bytes = given.substring(BEARER.length()).getBytes(StandardCharsets.UTF_8);
        if (!MessageDigest.isEqual(bytes, key.get())) {
            throw ApiError.invalid(
                    401,
                    "invalid_api_key",
                    "the header 'Authorization: Bearer KEY' lacks the right key");
        }
    }

    /// A page from elsewhere can have a browser send other types without asking, but not this one.
    void checkType(Call call) {
        String type = call.header("Content-Type").orElse("").toLowerCase(Locale.ROOT);
        if (!type.equals(Call.JSON) && !type.startsWith(Call.JSON + ";")) {
            throw ApiError.invalid(415, "the header 'Content-Type: application/json' is needed");
        }
    }
}
