package org.wanda4j.hub;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What a repository of the hub is called: `org/name`, `org/name@revision`, `datasets/org/name`.
///
/// @param kind what it holds
/// @param name owner and name, `org/name`
/// @param revision a branch, a tag, or a commit; empty for the main branch
public record HubId(Kind kind, String name, Optional<String> revision) {

    private static final String PART = "\\w(?:[\\w.-]{0,94}\\w)?";
    private static final Pattern ID =
            Pattern.compile("(datasets/)?(%s/%s)(?:@([\\w./-]{1,200}))?".formatted(PART, PART));
    private static final String MAIN = "main";

    /// What a repository holds.
    public enum Kind {
        /// A model.
        MODEL("models", ""),
        /// A data set.
        DATASET("datasets", "datasets/");

        private final String plural;
        private final String prefix;

        Kind(String plural, String prefix) {
            this.plural = plural;
            this.prefix = prefix;
        }

        /// As the hub's interface and the cache's folders call it.
        String plural() {
            return plural;
        }

        /// What the name has before it in addresses.
        String prefix() {
            return prefix;
        }
    }

    /// The id that `text` is; empty where it is none.
    public static Optional<HubId> parse(String text) {
        Matcher matcher = ID.matcher(text);
        if (!matcher.matches() || !isName(matcher.group(2))) {
            return Optional.empty();
        }
        Optional<String> revision = Optional.ofNullable(matcher.group(3));
        if (revision.isPresent() && !RepoFile.isPlainPath(revision.get())) {
            return Optional.empty();
        }
        Kind kind = matcher.group(1) == null ? Kind.MODEL : Kind.DATASET;
        return Optional.of(new HubId(kind, matcher.group(2), revision));
    }

    /// `--` stands for `/` in the cache.
    private static boolean isName(String name) {
        return !name.contains("--") && !name.contains("..") && !name.endsWith(".git");
    }

    /// The revision, the main branch where none was given.
    String revisionOrMain() {
        return revision.orElse(MAIN);
    }

    String owner() {
        return name.substring(0, name.indexOf('/'));
    }

    String repository() {
        return name.substring(name.indexOf('/') + 1);
    }

    /// Its folder in the cache.
    String folder() {
        return kind.plural() + "--" + name.replace("/", "--");
    }

    /// Owner and name as they stand in an address.
    String path() {
        return kind.prefix() + name;
    }

    @Override
    public String toString() {
        return path() + revision.map(it -> "@" + it).orElse("");
    }
}
