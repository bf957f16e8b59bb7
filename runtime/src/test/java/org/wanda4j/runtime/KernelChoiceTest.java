package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class KernelChoiceTest {

    @Test
    void featuresAreThoseThatLinuxNames() {
        assertEquals(
                Set.of("avx2", "bmi1", "bmi2"),
                KernelChoice.features(
                        List.of(
                                "processor\t: 0",
                                "vendor_id\t: GenuineIntel",
                                "cpu family\t: 6",
                                "flags\t\t: avx2 bmi1 bmi2",
                                "vmx flags\t: tsc_offset")));
    }

    @Test
    void bmi2CountsWhereItIsFast() {
        assertEquals(Set.of("avx2", "bmi2"), ofAmd("25"));
        assertEquals(Set.of("avx2"), ofAmd("23"));
    }

    @Test
    void whatIsNotNamedIsNotThere() {
        assertEquals(Set.of(), KernelChoice.features(List.of()));
        assertEquals(Set.of("avx2"), ofAmd("unknown"));
    }

    private static Set<String> ofAmd(String family) {
        return KernelChoice.features(
                List.of(
                        "vendor_id\t: AuthenticAMD",
                        "cpu family\t: " + family,
                        "flags\t\t: avx2 bmi2"));
    }
}
