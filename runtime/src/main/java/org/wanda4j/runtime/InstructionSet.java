package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.wanda4j.checkpoint.InvalidInputException;

/// Instructions that kernels are written for, each set with those before it. The fastest that the machine has is used; a lower limit
/// measures, or tests, the kernels of another machine.
///
/// The system property [#PROPERTY] sets the limit of a process. How wide the vectors of the Vector API are is for the JVM to say:
/// `-XX:UseAVX=2` keeps them to 256 bits.
public enum InstructionSet {
    /// Java alone, a value at a time.
    SCALAR,
    /// The Vector API.
    VECTOR,
    /// Machine code with AVX2 and FMA.
    AVX2,
    /// Machine code with AVX-512 VBMI2 and VNNI, or the Vector API with AVX-512 VBMI2.
    AVX512;

    /// Names the limit, as [#toString()] does; without it there is none.
    public static final String PROPERTY = "wanda.cpu";

    /// The limit of this process.
    ///
    /// @throws InvalidInputException when [#PROPERTY] names none of these
    public static InstructionSet limit() {
        String name = System.getProperty(PROPERTY);
        return name == null ? AVX512 : named(name);
    }

    /// The set of that name.
    ///
    /// @throws InvalidInputException when there is none
    public static InstructionSet named(String name) {
        return Arrays.stream(values())
                .filter(each -> each.toString().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        new InvalidInputException(
                                "there are no kernels for '%s': -D%s and --cpu take one of %s"
                                        .formatted(name, PROPERTY, List.of(values()))));
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
