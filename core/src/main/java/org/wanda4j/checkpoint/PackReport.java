package org.wanda4j.checkpoint;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/// What packing made of a checkpoint.
///
/// @param model the directory that was packed
/// @param output the directory that was written
/// @param values type of the linears' values, as the command line spells it
/// @param bytesBefore of all weights' files
/// @param bytesAfter of all weights' files
/// @param calibrationTokens of the text that rounding went by, where it did
/// @param recovered how norms and biases were trained behind it, where they were
/// @param matrices in the order of the shards
public record PackReport(
        String model,
        String output,
        String values,
        long bytesBefore,
        long bytesAfter,
        double seconds,
        OptionalLong calibrationTokens,
        Optional<Recovered> recovered,
        List<Matrix> matrices) {

    /// Norms and biases that were trained towards the checkpoint that was packed.
    ///
    /// @param tokens that they were trained on
    /// @param lossBefore mean KL divergence from that checkpoint on held-out text
    /// @param lossAfter the same behind the training
    public record Recovered(long tokens, double lossBefore, double lossAfter, double seconds) {}

    /// One matrix; what is not listed was copied.
    ///
    /// @param kept values that are not zero
    /// @param layout `sparse` or `dense`
    /// @param values type of its values, as the command line spells it
    /// @param bytesBefore of its tensor in the file
    /// @param bytesAfter of its parts
    /// @param outputError `||X (Q - W)^T||^2 / ||X W^T||^2` over the calibration text, `Q` what `W` was rounded to; the mean of the
    ///     linears in the tensor. Empty without calibration
    public record Matrix(
            String name,
            int outputs,
            int inputs,
            long kept,
            String layout,
            String values,
            long bytesBefore,
            long bytesAfter,
            OptionalDouble outputError) {}

    /// This report of a copy that went on to be trained.
    ///
    /// @param directory where it is in the end
    public PackReport recovered(String directory, Recovered how) {
        return new PackReport(
                model,
                directory,
                values,
                bytesBefore,
                bytesAfter,
                seconds + how.seconds(),
                calibrationTokens,
                Optional.of(how),
                matrices);
    }
}
