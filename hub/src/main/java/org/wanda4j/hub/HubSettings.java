package org.wanda4j.hub;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// Where the hub and the cache are, by the environment variables of Hugging Face's own tools.
///
/// @param endpoint address of the hub (`HF_ENDPOINT`), without a `/` at its end
/// @param cache the cache's folder (`HF_HUB_CACHE`, `HF_HOME`)
/// @param token of the user (`HF_TOKEN`, or the file that `hf auth login` writes)
/// @param offline whether no connection is opened (`HF_HUB_OFFLINE`)
/// @param links whether snapshots consist of symbolic links where these work (`HF_HUB_DISABLE_SYMLINKS`)
public record HubSettings(
        URI endpoint, Path cache, Optional<Token> token, boolean offline, boolean links) {

    private static final String PUBLIC = "https://huggingface.co";
    private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");
    private static final Pattern VARIABLE = Pattern.compile("\\$(?:(\\w+)|\\{(\\w+)\\})");

    /// A secret, which is not printed.
    ///
    /// @param value as it is sent
    /// @param source where it was found
    public record Token(String value, String source) {

        private static final Pattern PRINTABLE = Pattern.compile("[!-~]+");

        /// Checks that a request can carry it.
        ///
        /// @throws InvalidInputException when it cannot; without its value
        public Token {
            if (!PRINTABLE.matcher(value).matches()) {
                throw new InvalidInputException(
                        source
                                + ": what stands there is no token: it has spaces or special characters");
            }
        }

        @Override
        public String toString() {
            return "token of " + source;
        }
    }

    /// As the environment says.
    ///
    /// @param environment variables with their values
    /// @throws InvalidInputException when one of them cannot be used
    public static HubSettings of(Map<String, String> environment) {
        var from = new Environment(environment);
        Path home =
                from.path("HF_HOME")
                        .orElseGet(() ->
                                from.path("XDG_CACHE_HOME")
                                        .orElseGet(() -> Path.of(from.home(), ".cache"))
                                        .resolve("huggingface"));
        Path cache =
                from.path("HF_HUB_CACHE")
                        .or(() -> from.path("HUGGINGFACE_HUB_CACHE"))
                        .orElseGet(() -> home.resolve("hub"));
        Path tokenFile = from.path("HF_TOKEN_PATH").orElseGet(() -> home.resolve("token"));
        return new HubSettings(
                endpoint(from.text("HF_ENDPOINT").orElse(PUBLIC)),
                cache.toAbsolutePath().normalize(),
                from.text("HF_TOKEN")
                        .map(it -> new Token(it, "HF_TOKEN"))
                        .or(() -> tokenIn(tokenFile)),
                from.isTrue("HF_HUB_OFFLINE"),
                !from.isTrue("HF_HUB_DISABLE_SYMLINKS"));
    }

    private record Environment(Map<String, String> variables) {

        Optional<String> text(String name) {
            return Optional.ofNullable(variables.get(name))
                    .map(String::strip)
                    .filter(it -> !it.isEmpty());
        }

        boolean isTrue(String name) {
            return text(name).filter(it -> TRUE.contains(it.toUpperCase(Locale.ROOT))).isPresent();
        }

        /// A path, with the home folder for `~`, and variables of the environment.
        Optional<Path> path(String name) {
            return text(name)
                    .map(it ->
                            VARIABLE.matcher(it)
                                    .replaceAll(match -> {
                                        String variable =
                                                match.group(1) == null
                                                        ? match.group(2)
                                                        : match.group(1);
                                        return Matcher.quoteReplacement(
                                                variables.getOrDefault(variable, match.group()));
                                    }))
                    .map(it ->
                            it.equals("~") || it.startsWith("~/") ? home() + it.substring(1) : it)
                    .map(Path::of);
        }

        /// What `~` stands for, as in Python.
        String home() {
            return variables.getOrDefault("HOME", System.getProperty("user.home"));
        }
    }

    private static URI endpoint(String text) {
        String address = text.replaceAll("/+$", "");
        try {
            URI uri = new URI(address);
            if (HubClient.isWeb(uri)
                    && uri.getRawUserInfo() == null
                    && uri.getRawQuery() == null
                    && uri.getRawFragment() == null) {
                return uri;
            }
        } catch (URISyntaxException e) {
            // Said below.
        }
        throw new InvalidInputException(
                "HF_ENDPOINT must be an address such as %s, without user, password or query, its port below 65536"
                        .formatted(PUBLIC));
    }

    private static Optional<Token> tokenIn(Path file) {
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            String text = Files.readString(file, StandardCharsets.UTF_8).strip();
            return text.isEmpty()
                    ? Optional.empty()
                    : Optional.of(new Token(text, file.toString()));
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + file + ": " + Reason.of(e), e);
        }
    }
}
