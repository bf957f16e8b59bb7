package org.wanda4j.runtime;

import org.wanda4j.runtime.Compute.Input;
import org.wanda4j.runtime.Compute.Then;

/// A mixer of a block on a batch.
sealed interface MixerStep permits AttentionStep, MlpStep {

    /// Computes what a residual branch adds.
    ///
    /// @param input the hidden states, normed where the branch has a norm before its mixer
    /// @param result receives a vector of the hidden size for each token
    /// @param then called by each member of the team for the channels that it has computed, for all tokens; nobody reads
    ///     the input any more when it is first called
    void run(Batch batch, Input input, Vectors result, Then then);
}
