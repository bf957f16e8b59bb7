package org.wanda4j.allocate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
import java.util.Set;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.wanda4j.SharedFiles;
import org.wanda4j.allocate.Allocation.BlockScores;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;

class SparsityPlanTest {

    private static final SequencedMap<String, Double> NOTHING_FIXED = new LinkedHashMap<>();

    private final Architecture model = tinyLlama();
    private final Set<Linear> all = Set.copyOf(model.linears());

    @Example
    void uniformSparsityIsThePatternItselfForEveryLinearThatIsChosen() {
        var pattern = new NofM(2, 4);
        Set<Linear> chosen = Set.copyOf(model.blocks().getLast().linears());
        var request = new SparsityPlan.Request(pattern, Allocation.UNIFORM, NOTHING_FIXED);
        Map<Linear, SparsityPattern> plan = SparsityPlan.of(model, request, chosen, List.of());
        assertEquals(chosen, plan.keySet());
        assertTrue(plan.values().stream().allMatch(pattern::equals));
    }

    /// Whatever the blocks' scores are: every row of a linear loses as many weights, and the whole is short of what was asked
    /// for by less than a column of its largest linear.
    @Property(tries = 100)
    void sparsitiesThatDifferComeToWhatWasAskedFor(
            @ForAll Allocation allocation,
            @ForAll @DoubleRange(min = 0.1, max = 0.8) double sparsity,
            @ForAll long seed) {
        List<BlockScores> scores = scores(new Random(seed));
        var request =
                new SparsityPlan.Request(new Unstructured(sparsity), allocation, NOTHING_FIXED);
        Map<Linear, SparsityPattern> plan = SparsityPlan.of(model, request, all, scores);
        double weights = all.stream().mapToDouble(Linear::weights).sum();
        int column = all.stream().mapToInt(Linear::outputs).max().orElseThrow();
        double asked = sparsity * weights;
        double slack = allocation == Allocation.UNIFORM ? weights : column;
        assertTrue(removed(plan) <= asked + 1, removed(plan) + " of " + asked);
        assertTrue(removed(plan) > asked - slack, removed(plan) + " of " + asked);
    }

    @Example
    void theBlockWithMoreOutliersKeepsMore() {
        List<BlockScores> scores = new ArrayList<>(scores(new Random(3)));
        scores.set(1, new BlockScores(1, 1, 1));
        scores.set(2, new BlockScores(0, 1, 1));
        var request =
                new SparsityPlan.Request(new Unstructured(0.5), Allocation.OWL, NOTHING_FIXED);
        Map<Linear, SparsityPattern> plan = SparsityPlan.of(model, request, all, scores);
        for (Linear linear : model.blocks().get(1).linears()) {
            int kept = model.blocks().get(1).linears().indexOf(linear);
            Linear other = model.blocks().get(2).linears().get(kept);
            double spread = plan.get(other).sparsity() - plan.get(linear).sparsity();
            assertEquals(0.16, spread, 2.0 / linear.inputs(), linear.name());
        }
    }

    @Example
    void theLaterOfTwoFixedSparsitiesCountsAndTheOthersMakeUpForIt() {
        SequencedMap<String, Double> fixed = new LinkedHashMap<>();
        fixed.put("*.0.*", 0.25);
        fixed.put("*down_proj", 0.4);
        var request = new SparsityPlan.Request(new Unstructured(0.5), Allocation.UNIFORM, fixed);
        Map<Linear, SparsityPattern> plan = SparsityPlan.of(model, request, all, List.of());
        double weights = all.stream().mapToDouble(Linear::weights).sum();
        assertEquals(0.5, removed(plan) / weights, 1e-3);
        plan.forEach((linear, pattern) -> {
            if (linear.name().endsWith("down_proj")) {
                assertEquals(0.4, pattern.sparsity(), linear.name());
            } else if (linear.name().contains(".0.")) {
                assertEquals(0.25, pattern.sparsity(), linear.name());
            } else {
                assertTrue(pattern.sparsity() > 0.5, linear.name());
            }
        });
    }

    @Example
    void whatFixedSparsitiesLeaveNoWayToReachIsRefusedWithWhatCanBeReached() {
        SequencedMap<String, Double> fixed = new LinkedHashMap<>();
        fixed.put("*", 0.25);
        var request = new SparsityPlan.Request(new Unstructured(0.5), Allocation.UNIFORM, fixed);
        var refusal =
                assertThrows(
                        InvalidInputException.class,
                        () -> SparsityPlan.of(model, request, all, List.of()));
        assertTrue(refusal.getMessage().contains("only 0.25"), refusal.getMessage());
    }

    @Example
    void runsOfNOfMGoWithNoSparsitiesThatDiffer() {
        assertThrows(
                InvalidInputException.class,
                () -> new SparsityPlan.Request(new NofM(2, 4), Allocation.DLP, NOTHING_FIXED));
    }

    /// Weights that row selection removes: `floor(inputs * sparsity)` of each row.
    private static double removed(Map<Linear, SparsityPattern> plan) {
        return plan.entrySet().stream()
                .mapToDouble(entry -> {
                    Linear linear = entry.getKey();
                    int columns = (int) (linear.inputs() * entry.getValue().sparsity());
                    return (double) columns * linear.outputs();
                })
                .sum();
    }

    private List<BlockScores> scores(Random random) {
        return model.blocks().stream()
                .map(_ ->
                        new BlockScores(
                                random.nextDouble(), random.nextDouble(), random.nextDouble()))
                .toList();
    }

    private static Architecture tinyLlama() {
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            return Families.describe(checkpoint);
        }
    }
}
