package org.wanda4j.allocate;

import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.Set;
import java.util.regex.PatternSyntaxException;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;

/// Which linears are pruned: those that match `only`, less those that match `skip`.
public final class LinearFilter {

    private LinearFilter() {}

    /// The linears of a model to prune, front to back.
    ///
    /// @param only patterns (globs) of names; all linears where empty
    /// @param skip patterns of those among them that stay dense
    /// @throws InvalidInputException when a pattern matches no linear, or nothing is left to prune
    public static SequencedSet<Linear> choose(
            Architecture architecture, List<String> only, List<String> skip) {
        List<Linear> all = architecture.linears();
        SequencedSet<Linear> chosen = new LinkedHashSet<>(all);
        if (!only.isEmpty()) {
            chosen.retainAll(Set.copyOf(matching(all, only, "--only")));
        }
        chosen.removeAll(Set.copyOf(matching(all, skip, "--skip")));
        if (chosen.isEmpty()) {
            throw new InvalidInputException("--skip and --only leave no linear to prune");
        }
        return Collections.unmodifiableSequencedSet(chosen);
    }

    /// @throws InvalidInputException when a pattern matches no linear
    static List<Linear> matching(List<Linear> all, List<String> patterns, String option) {
        return patterns.stream()
                .flatMap(pattern -> {
                    PathMatcher matcher = matcher(pattern, option);
                    List<Linear> matched =
                            all.stream()
                                    .filter(linear -> matcher.matches(Path.of(linear.name())))
                                    .toList();
                    if (matched.isEmpty()) {
                        throw new InvalidInputException(
                                "%s '%s' matches no linear; their names look like %s"
                                        .formatted(option, pattern, all.getFirst().name()));
                    }
                    return matched.stream();
                })
                .toList();
    }

    private static PathMatcher matcher(String pattern, String option) {
        try {
            return FileSystems.getDefault().getPathMatcher("glob:" + pattern);
        } catch (PatternSyntaxException e) {
            throw new InvalidInputException(
                    option
                            + " '"
                            + pattern
                            + "' is no pattern: "
                            + e.getDescription()
                            + "; '*' stands for any text",
                    e);
        }
    }
}
