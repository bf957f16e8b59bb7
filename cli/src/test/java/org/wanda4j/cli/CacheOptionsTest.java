package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class CacheOptionsTest {

    private final CacheOptions.Bytes sizes = new CacheOptions.Bytes();

    @ParameterizedTest
    @CsvSource({
        "800000, 800000",
        "500MB, 500000000",
        "500 mb, 500000000",
        "2g, 2000000000",
        "1.5GiB, 1610612736",
        "64kib, 65536",
        "12B, 12"
    })
    void sizesHaveUnits(String text, long bytes) {
        assertEquals(bytes, sizes.convert(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "GB", "-1GB", "2 apples", "1e9", "1,5GB", "iB", "1ib"})
    void whatIsNoSizeIsRefused(String text) {
        assertThrows(TypeConversionException.class, () -> sizes.convert(text));
    }
}
