package org.wanda4j.serve;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// Access checks: of the host name, the API key and the content type.
final class Guard {

    private static final String BEARER = "Bearer ";
    private static final Set<String> LOOPBACK_HOSTS = Set.of("localhost", "127.0.0.1", "[::1]");

    private final Optional<byte[]> key;
    private final boolean loopbackOnly;

    Guard(Server.Settings settings) {
        this.key = settings.key().map(text -> text.getBytes(StandardCharsets.UTF_8));
        this.loopbackOnly = settings.address().getAddress().isLoopbackAddress() && key.isEmpty();
    }

    /// A server without a key that listens on loopback alone accepts loopback host names alone: by DNS rebinding, a web page
    /// could otherwise send requests to it through the browser of someone on this machine.
    ///
    /// @throws ApiException with status 403
    void checkHost(Exchange exchange) {
        if (loopbackOnly && !LOOPBACK_HOSTS.contains(host(exchange))) {
            throw ApiException.invalid(
                    403,
                    "this server answers under localhost alone; with --api-key or --host it answers under any name");
        }
    }

    private static String host(Exchange exchange) {
        try {
            String host = URI.create("http://" + exchange.header("Host").orElse("")).getHost();
            return Optional.ofNullable(host).orElse("").toLowerCase(Locale.ROOT);
        } catch (IllegalArgumentException e) {
            return "";
        }
    }

    /// Compares in constant time.
    ///
    /// @throws ApiException with status 401
    void checkKey(Exchange exchange) {
        if (key.isEmpty()) {
            return;
        }
        String given =
                exchange.header("Authorization").filter(it -> it.startsWith(BEARER)).orElse(BEARER);
        byte[] bytes = given.substring(BEARER.length()).getBytes(StandardCharsets.UTF_8);
        if (!MessageDigest.isEqual(bytes, key.get())) {
            throw ApiException.invalid(
                    401,
                    "invalid_api_key",
                    "the header 'Authorization: Bearer KEY' lacks the right key");
        }
    }

    /// Refuses content types that a web page of another origin can have a browser send without a CORS preflight.
    ///
    /// @throws ApiException with status 415
    void checkType(Exchange exchange) {
        String type = exchange.header("Content-Type").orElse("").toLowerCase(Locale.ROOT);
        if (!type.equals(Exchange.JSON) && !type.startsWith(Exchange.JSON + ";")) {
            throw ApiException.invalid(
                    415, "the header 'Content-Type: application/json' is needed");
        }
    }
}
