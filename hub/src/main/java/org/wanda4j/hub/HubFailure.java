package org.wanda4j.hub;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpHeaders;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.util.Optional;
import javax.net.ssl.SSLException;
import org.wanda4j.checkpoint.InvalidInputException;

/// Why the hub did not give what was asked for, in one line with the mend.
final class HubFailure {

    private static final int UNAUTHORIZED = 401;
    private static final int FORBIDDEN = 403;
    private static final int NOT_FOUND = 404;
    private static final int REQUEST_TIMEOUT = 408;
    private static final int TOO_MANY_REQUESTS = 429;
    private static final int SERVER_FAULT = 500;

    private HubFailure() {}

    /// Whether the same request may succeed later.
    static boolean isPassing(int status) {
        return status == REQUEST_TIMEOUT || status == TOO_MANY_REQUESTS || status >= SERVER_FAULT;
    }

    /// How long the server asks to wait; empty where it does not say so in seconds.
    static Optional<Duration> retryAfter(HttpHeaders headers) {
        return headers.firstValue("Retry-After")
                .filter(it -> it.matches("\\d{1,6}"))
                .map(it -> Duration.ofSeconds(Long.parseLong(it)));
    }

    /// For an answer that is none of those which were expected.
    static InvalidInputException of(
            HubId id, HubSettings settings, URI asked, int status, HttpHeaders headers) {
        return new InvalidInputException(id + ": " + reason(id, settings, asked, status, headers));
    }

    private static String reason(
            HubId id, HubSettings settings, URI asked, int status, HttpHeaders headers) {
        String code = headers.firstValue("X-Error-Code").orElse("");
        String message = headers.firstValue("X-Error-Message").orElse("");
        String host = asked.getHost();
        Optional<HubSettings.Token> token = settings.token();
        String page = settings.endpoint() + "/" + id.path();
        if (status == UNAUTHORIZED && message.startsWith("Invalid credentials")) {
            return "%s refuses the %s: make a new one at %s/settings/tokens, or remove this one"
                    .formatted(
                            host,
                            token.map(HubSettings.Token::toString).orElse("request"),
                            settings.endpoint());
        }
        return switch (code) {
            case "GatedRepo" ->
                    token.isEmpty()
                            ? "gated: accept its terms on %s, then set HF_TOKEN to a token of yours"
                                    .formatted(page)
                            : "gated, and the user of the %s has no access: accept its terms on %s, or wait until they are granted"
                                    .formatted(token.get(), page);
            case "RevisionNotFound" ->
                    "there is no revision '%s': see %s/tree/main for branches and tags"
                            .formatted(id.revisionOrMain(), page);
            case "EntryNotFound" -> "a file that the hub lists is not there any more: run it again";
            case "RepoNotFound" -> missing(id, settings);
            default ->
                    switch (status) {
                        case UNAUTHORIZED, NOT_FOUND -> missing(id, settings);
                        case FORBIDDEN ->
                                "%s refuses it (403%s): %s"
                                        .formatted(
                                                host,
                                                message.isEmpty() ? "" : ", " + message,
                                                token.isEmpty()
                                                        ? "set HF_TOKEN to a token that may read it"
                                                        : "give the %s the right to read it"
                                                                .formatted(token.get()));
                        case TOO_MANY_REQUESTS ->
                                "%s has had too many requests (429): try again %s%s"
                                        .formatted(
                                                host,
                                                retryAfter(headers)
                                                        .map(it -> "in " + it.toSeconds() + " s")
                                                        .orElse("later"),
                                                token.isEmpty()
                                                        ? "; with HF_TOKEN set the limit is higher"
                                                        : "");
                        default ->
                                status >= SERVER_FAULT
                                        ? "%s has a fault (%d): try again later; what has been fetched is kept"
                                                .formatted(host, status)
                                        : "%s answers %d: is HF_ENDPOINT (%s) a server of the hub's interface?"
                                                .formatted(host, status, settings.endpoint());
                    };
        };
    }

    /// The hub does not tell a private repository from one that is not there.
    private static String missing(HubId id, HubSettings settings) {
        return "no directory here, and no such %s on %s%s"
                .formatted(
                        id.kind() == HubId.Kind.MODEL ? "model" : "data set",
                        settings.endpoint().getHost(),
                        settings.token().isEmpty()
                                ? ": check the name, or set HF_TOKEN if it is private"
                                : " for the user of the %s: check the name"
                                        .formatted(settings.token().get()));
    }

    /// For a connection that failed.
    static InvalidInputException of(HubId id, URI asked, IOException failure) {
        return new InvalidInputException(
                "%s: no directory here, and %s; check the connection, or HF_ENDPOINT where another server is to be asked"
                        .formatted(id, reason(asked, failure)),
                failure);
    }

    /// Why a connection failed.
    static String reason(URI asked, IOException failure) {
        String host = asked.getHost();
        return switch (failure) {
            case HttpTimeoutException _ -> host + " does not answer";
            case UnknownHostException _ -> host + " is not known";
            case ConnectException e when e.getCause() instanceof UnresolvedAddressException ->
                    host + " is not known";
            case ConnectException _ -> host + " cannot be reached";
            case SSLException e ->
                    "the connection to %s is not safe: %s".formatted(host, e.getMessage());
            default ->
                    "the connection to %s fails: %s"
                            .formatted(
                                    host,
                                    failure.getMessage() == null
                                            ? failure.getClass().getSimpleName()
                                            : failure.getMessage());
        };
    }
}
