package org.wanda4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// What the documents point to is there.
class LinksTest {

    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

    /// The target of `[text](target)` and of `[text]: target`.
    private static final Pattern LINK =
            Pattern.compile("\\]\\(([^)\\s]+)\\)|(?m)^\\[[^]]+\\]: (\\S+)$");

    private static final Pattern CODE = Pattern.compile("```.*?```|`[^`\n]*`", Pattern.DOTALL);
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.*)$");
    private static final Pattern REFERENCE = Pattern.compile("(?m)(?<!^)\\[([A-Z]\\w+)\\](?!\\()");
    private static final Pattern DEFINITION = Pattern.compile("(?m)^\\[(\\w+)\\]: ");

    @Test
    void everyLinkLeadsToAFileOrAHeading() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path document : documents()) {
            String text = CODE.matcher(Files.readString(document)).replaceAll("");
            for (MatchResult match : LINK.matcher(text).results().toList()) {
                String target = match.group(match.group(1) == null ? 2 : 1);
                if (!target.contains("://") && !leadsSomewhere(document, target)) {
                    broken.add(ROOT.relativize(document) + ": " + target);
                }
            }
        }
        assertEquals(List.of(), broken);
    }

    @Test
    void theMapOfTheCodeSaysWhereEachOfItsFilesIs() throws IOException {
        String map = CODE.matcher(Files.readString(ROOT.resolve("ARCHITECTURE.md"))).replaceAll("");
        Set<String> named = names(REFERENCE, map);
        assertFalse(named.isEmpty());
        assertEquals(named, names(DEFINITION, map));
    }

    private static Set<String> names(Pattern pattern, String text) {
        return pattern.matcher(text)
                .results()
                .map(match -> match.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static boolean leadsSomewhere(Path document, String target) throws IOException {
        String[] parts = target.split("#", 2);
        Path file = parts[0].isEmpty() ? document : document.resolveSibling(parts[0]);
        return Files.exists(file) && (parts.length == 1 || anchors(file).contains(parts[1]));
    }

    /// Anchors of a document's headings, as GitHub makes them.
    private static Set<String> anchors(Path document) throws IOException {
        return HEADING.matcher(Files.readString(document))
                .results()
                .map(match ->
                        match.group(1)
                                .toLowerCase(Locale.ROOT)
                                .replaceAll("[^\\w\\- ]", "")
                                .replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    private static List<Path> documents() throws IOException {
        List<Path> documents = new ArrayList<>();
        for (String folder : List.of("", "docs", "bench")) {
            try (Stream<Path> files = Files.list(ROOT.resolve(folder))) {
                files.filter(file -> file.toString().endsWith(".md"))
                        .sorted()
                        .forEach(documents::add);
            }
        }
        return documents;
    }
}
