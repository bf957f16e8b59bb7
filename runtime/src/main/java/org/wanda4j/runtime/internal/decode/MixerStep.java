package org.wanda4j.runtime.internal.decode;

import org.wanda4j.runtime.internal.decode.ParallelKernels.Epilogue;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Input;

/// A mixer of a block on a batch.
sealed interface MixerStep permits AttentionStep, MlpStep, ExpertsStep {

    /// Computes the mixer's output.
    ///
    /// @param input the hidden states, normed where the branch has a norm before its mixer
    /// @param result receives tokens x hidden size
    /// @param epilogue run by each thread for the channels that it has computed, of all tokens; the input is not read any more then
    void run(DecodeBatch batch, Input input, Activations result, Epilogue epilogue);
}
