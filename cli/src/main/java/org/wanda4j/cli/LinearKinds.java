package org.wanda4j.cli;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;

/// Groups linears of different blocks, and of the experts of a block, by the module that they are: `q_proj`, `experts.w1`.
final class LinearKinds {

    private static final Pattern DOT = Pattern.compile("\\.");

    private LinearKinds() {}

    /// Groups `items` by the last parts of their linears' names, in the order of their first ones. As many parts make a label as
    /// tell it from the others: `attn.c_proj` and `mlp.c_proj`, but `c_fc`.
    ///
    /// @param name of an item's linear
    static <T> Map<String, List<T>> group(List<T> items, Function<T, String> name) {
        Map<Kind, List<T>> kinds = new LinkedHashMap<>();
        for (T item : items) {
            kinds.computeIfAbsent(Kind.of(name.apply(item)), _ -> new ArrayList<>()).add(item);
        }
        Map<String, List<T>> labelled = new LinkedHashMap<>();
        kinds.forEach((kind, members) -> labelled.put(kind.label(kinds.keySet()), members));
        return labelled;
    }

    /// What the names of linears have in common.
    ///
    /// @param parts behind the block's number, without an expert's number
    /// @param least how many of the last parts name it: `experts.w1` of `experts.3.w1`, `output_linear` of `output_linear.3`
    private record Kind(List<String> parts, int least) {

        static Kind of(String name) {
            List<String> parts = new ArrayList<>(DOT.splitAsStream(name).toList());
            int block = number(parts);
            parts.subList(0, block + 1).clear();
            int expert = number(parts);
            if (expert < 0) {
                return new Kind(parts, 1);
            }
            parts.remove(expert);
            return new Kind(parts, expert == parts.size() ? 1 : parts.size() - expert + 1);
        }

        /// Index of the first number, or -1.
        private static int number(List<String> parts) {
            return parts.indexOf(
                    parts.stream().filter(part -> part.matches("\\d+")).findFirst().orElse(""));
        }

        String label(Collection<Kind> all) {
            int count = least;
            while (count < parts.size() && isShared(last(count), all)) {
                count++;
            }
            return String.join(".", last(count));
        }

        private boolean isShared(List<String> last, Collection<Kind> all) {
            return all.stream()
                    .anyMatch(other ->
                            !other.equals(this)
                                    && other.parts.size() >= last.size()
                                    && other.last(last.size()).equals(last));
        }

        private List<String> last(int count) {
            return parts.subList(parts.size() - count, parts.size());
        }
    }
}
