package org.wanda4j.sparse;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ProcessorFeaturesTest {

    @Test
    void featuresAreThoseThatLinuxNames() {
        assertEquals(
                Set.of("avx2", "bmi1", "bmi2"),
                ProcessorFeatures.of(
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
    void productsOfBf16AreFastOnAmd() {
        assertEquals(
                Set.of("avx512_bf16", ProcessorFeatures.FAST_AVX512_BF16),
                ofVendor("AuthenticAMD", "avx512_bf16"));
        assertEquals(Set.of("avx512_bf16"), ofVendor("GenuineIntel", "avx512_bf16"));
    }

    private static Set<String> ofVendor(String vendor, String flags) {
        return ProcessorFeatures.of(List.of("vendor_id\t: " + vendor, "flags\t\t: " + flags));
    }

    @Test
    void whatAnArmHasIsNamedAsFeatures() {
        assertEquals(
                Set.of("asimd", "bf16"), ProcessorFeatures.of(List.of("Features\t: asimd bf16")));
    }

    @Test
    void whatIsNotNamedIsNotThere() {
        assertEquals(Set.of(), ProcessorFeatures.of(List.of()));
        assertEquals(Set.of("avx2"), ofAmd("unknown"));
    }

    private static Set<String> ofAmd(String family) {
        return ProcessorFeatures.of(
                List.of(
                        "vendor_id\t: AuthenticAMD",
                        "cpu family\t: " + family,
                        "flags\t\t: avx2 bmi2"));
    }
}
