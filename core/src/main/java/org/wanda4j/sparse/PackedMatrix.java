package org.wanda4j.sparse;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/// A matrix as it lies in a file: the values that are there, row after row, and where they go.
///
/// Without `places` every value is there, and row `i` starts at value `i * stride`, the columns rounded up to whole groups
/// where the type is quantised. All segments may be longer than the matrix needs: kernels read whole vectors.
///
/// @param rows outputs of a linear
/// @param columns inputs of a linear
/// @param type of the values
/// @param values little-endian, row after row
/// @param scales one bf16 a group of values, where the type is quantised
/// @param places which values are there, where not all are
public record PackedMatrix(
        int rows,
        int columns,
        ValueType type,
        MemorySegment values,
        Optional<MemorySegment> scales,
        Optional<Places> places) {

    /// Which values a sparse matrix has: the layout of compressed-tensors' `sparse-bitmask`.
    ///
    /// @param bitmask a 1 for each value that is there; lowest bit first, a row starts at a byte
    /// @param rowOffsets number of the first value of each row, as int64
    public record Places(MemorySegment bitmask, MemorySegment rowOffsets) {}
}
