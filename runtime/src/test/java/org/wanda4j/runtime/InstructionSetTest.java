package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.wanda4j.checkpoint.InvalidInputException;

class InstructionSetTest {

    @AfterEach
    void clear() {
        System.clearProperty(InstructionSet.PROPERTY);
    }

    @Test
    void theFastestKernelsAreThoseOfTheLastSetThatRuns() {
        List<InstructionSet> sets =
                KernelChoice.runnable().stream().map(KernelChoice.Choice::instructions).toList();
        assertSame(KernelChoice.runnable().getFirst().kernels(), KernelChoice.best());
        assertEquals(sets.stream().sorted().toList().reversed().getFirst(), sets.getFirst());
        assertEquals(InstructionSet.SCALAR, sets.getLast());
    }

    @Test
    void thePropertyKeepsTheProcessToASet() {
        for (InstructionSet limit : InstructionSet.values()) {
            System.setProperty(InstructionSet.PROPERTY, limit.toString());
            for (KernelChoice.Choice each : KernelChoice.runnable()) {
                assertTrue(each.instructions().compareTo(limit) <= 0, each + " within " + limit);
            }
        }
        System.setProperty(InstructionSet.PROPERTY, "scalar");
        assertTrue(KernelChoice.best().description().startsWith("scalar"));
    }

    @Test
    void kernelsThatDoNotRunAreRefusedWithThoseThatDo() {
        System.setProperty(InstructionSet.PROPERTY, "scalar");
        var refusal =
                assertThrows(
                        InvalidInputException.class,
                        () -> KernelChoice.best(InstructionSet.VECTOR));
        assertTrue(refusal.getMessage().contains("[scalar]"), refusal.getMessage());
    }

    @Test
    void aNameThatIsNoSetIsRefused() {
        System.setProperty(InstructionSet.PROPERTY, "mmx");
        assertThrows(InvalidInputException.class, KernelChoice::best);
        LanguageModel.prepare(); // It leaves that to who opens a model.
    }
}
