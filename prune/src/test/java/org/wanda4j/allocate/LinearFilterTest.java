package org.wanda4j.allocate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;

class LinearFilterTest {

    private final Architecture model = tinyLlama();

    @Test
    void withoutPatternsAllLinearsArePruned() {
        assertEquals(Set.copyOf(model.linears()), LinearFilter.choose(model, List.of(), List.of()));
    }

    @Test
    void theChosenComeInTheOrderOfTheModelWhateverThatOfThePatterns() {
        List<Linear> expected =
                model.linears().stream()
                        .filter(linear -> linear.name().matches(".*(up|v)_proj"))
                        .toList();
        assertEquals(
                expected,
                List.copyOf(LinearFilter.choose(model, List.of("*up_proj", "*v_proj"), List.of())));
    }

    @Test
    void whatIsSkippedIsTakenFromWhatIsChosen() {
        Set<String> expected =
                model.linears().stream()
                        .map(Linear::name)
                        .filter(name -> name.contains(".mlp.") && !name.contains(".0."))
                        .collect(Collectors.toSet());
        assertEquals(expected, names(List.of("*.mlp.*"), List.of("*.0.*")));
    }

    @Test
    void aLinearThatSeveralPatternsMatchIsChosenOnce() {
        assertEquals(
                names(List.of("*.mlp.*"), List.of()),
                names(List.of("*.mlp.*", "*.{gate,up,down}_proj"), List.of()));
    }

    @ParameterizedTest
    @CsvSource({
        "*.lm_head, '', --only '*.lm_head' matches no linear; their names look like model.layers.0",
        "'', *.lm_head, --skip '*.lm_head' matches no linear; their names look like model.layers.0",
        "'[', '', --only '[' is no pattern",
        "*.mlp.*, *, --skip and --only leave no linear to prune",
    })
    void whatChoosesNothingIsRefused(String only, String skip, String refusal) {
        var thrown = assertThrows(InvalidInputException.class, () -> names(list(only), list(skip)));
        assertTrue(thrown.getMessage().startsWith(refusal), thrown.getMessage());
    }

    private static List<String> list(String pattern) {
        return pattern.isEmpty() ? List.of() : List.of(pattern);
    }

    private Set<String> names(List<String> only, List<String> skip) {
        return LinearFilter.choose(model, only, skip).stream()
                .map(Linear::name)
                .collect(Collectors.toSet());
    }

    private static Architecture tinyLlama() {
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            return Families.describe(checkpoint);
        }
    }
}
