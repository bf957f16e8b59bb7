package org.wanda4j.model.families;

import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;

/// A model family: from a configuration to the decoder that it describes.
///
/// @see Families#register
@FunctionalInterface
public interface Family {

    /// The decoder that `config` describes.
    ///
    /// @param config the `config.json`
    /// @param names of the checkpoint's tensors, which may have a prefix or not
    /// @throws InvalidInputException when an entry is missing or wrong, or would change the numbers in a way that the family
    ///     does not support
    Architecture describe(ModelConfig config, TensorNames names);
}
