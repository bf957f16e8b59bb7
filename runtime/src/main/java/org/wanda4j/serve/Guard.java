package org.wanda4j.serve;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// Access checks: of the host name, the API key, the content type and the origin.
final class Guard {

    private static final String BEARER = "Bearer ";
    private static final String ANY = "*";
    private static final String PRIVATE_NETWORK = "Access-Control-Request-Private-Network";
    private static final Set<String> LOOPBACK_HOSTS = Set.of("localhost", "127.0.0.1", "[::1]");

    private final Optional<byte[]> key;
    private final boolean loopbackOnly;
    private final Set<String> origins;

    Guard(Server.Settings settings) {
        this.key = settings.key().map(text -> text.getBytes(StandardCharsets.UTF_8));
        this.loopbackOnly = settings.address().getAddress().isLoopbackAddress() && key.isEmpty();
        this.origins = settings.origins();
    }

    /// Lets web pages of the allowed origins read the response. Others cannot, as their browsers do not let them.
    void letIn(Exchange exchange) {
        if (!origins.isEmpty()) {
            exchange.setHeader("Vary", "Origin");
        }
        if (isAllowed(exchange)) {
            exchange.setHeader(
                    "Access-Control-Allow-Origin", exchange.header("Origin").orElseThrow());
        }
    }

    private boolean isAllowed(Exchange exchange) {
        return exchange.header("Origin")
                .filter(origin -> origins.contains(origin) || origins.contains(ANY))
                .isPresent();
    }

    /// Whether a browser asks, without a key, if a page of an allowed origin may send a request.
    boolean isPreflight(Exchange exchange) {
        return exchange.method().equals("OPTIONS")
                && exchange.header("Access-Control-Request-Method").isPresent()
                && isAllowed(exchange);
    }

    /// Allows it, with the headers that the browser asks for: clients add some of their own.
    ///
    /// @throws ApiException with status 403 as [#checkHost]
    void respondToPreflight(Exchange exchange) throws IOException {
        checkHost(exchange);
        exchange.setHeader("Access-Control-Allow-Methods", "GET, HEAD, POST");
        exchange.setHeader(
                "Access-Control-Allow-Headers",
                exchange.header("Access-Control-Request-Headers")
                        .orElse("authorization, content-type"));
        exchange.setHeader("Access-Control-Max-Age", "600");
        if (exchange.header(PRIVATE_NETWORK).isPresent()) {
            exchange.setHeader("Access-Control-Allow-Private-Network", "true");
        }
        exchange.respondEmpty(204);
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
