package org.wanda4j.checkpoint;

import java.util.List;

/// What packing made of a checkpoint.
///
/// @param model the directory that was packed
/// @param output the directory that was written
/// @param values type of the packed values, as the command line spells it
/// @param bytesBefore of all weights' files
/// @param bytesAfter of all weights' files
/// @param matrices in the order of the shards
public record PackReport(
        String model,
        String output,
        String values,
        long bytesBefore,
        long bytesAfter,
        double seconds,
        List<Matrix> matrices) {

    /// One matrix; what is not listed was copied.
    ///
    /// @param kept values that are not zero
    /// @param layout `sparse` or `dense`
    /// @param bytesBefore of its tensor
    /// @param bytesAfter of its parts
    public record Matrix(
            String name,
            int outputs,
            int inputs,
            long kept,
            String layout,
            long bytesBefore,
            long bytesAfter) {}
}
