package org.wanda4j.runtime.internal.x86;

import java.util.EnumMap;
import java.util.Map;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;

/// A function for each type and density of a matrix, assembled at its first use.
final class RowFunctions {

    /// At so low a share of stored values, hardly any word of 64 columns has more than 32.
    private static final double THIN = 0.375;

    private final Map<ValueType, Map<Density, LateCode>> functions = new EnumMap<>(ValueType.class);

    /// Writes the code of a function.
    interface Writer {
        byte[] write(Density density);
    }

    RowFunctions(Writer bf16, Writer int8, Writer int4) {
        put(ValueType.BF16, bf16);
        put(ValueType.INT8, int8);
        put(ValueType.INT4, int4);
    }

    private void put(ValueType type, Writer writer) {
        Map<Density, LateCode> some = new EnumMap<>(Density.class);
        for (Density density : Density.values()) {
            some.put(density, new LateCode(() -> writer.write(density)));
        }
        functions.put(type, some);
    }

    /// That for the values of `matrix`: bf16, int8 or int4.
    MachineCode of(MappedMatrix matrix) {
        Density density =
                !matrix.isSparse()
                        ? Density.DENSE
                        : matrix.share() > THIN ? Density.SPARSE : Density.THIN;
        return functions.get(matrix.type()).get(density).code();
    }
}
