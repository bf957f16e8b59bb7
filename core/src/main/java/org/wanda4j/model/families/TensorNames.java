package org.wanda4j.model.families;

import java.util.function.Predicate;
import org.wanda4j.checkpoint.Checkpoint;

/// The names of a checkpoint's tensors, as far as a family reads them: one and the same tensor is called
/// `model.norm.weight`, `norm.weight` or `language_model.model.norm.weight` by who saved it.
public final class TensorNames {

    private final Predicate<String> has;

    private TensorNames(Predicate<String> has) {
        this.has = has;
    }

    /// Those of `checkpoint`.
    public static TensorNames of(Checkpoint checkpoint) {
        return new TensorNames(name -> checkpoint.find(name).isPresent());
    }

    /// Where there is no checkpoint.
    static TensorNames unknown() {
        return new TensorNames(_ -> false);
    }

    /// The first of `prefixes` that, before `tensor`, is a name; the first of all where none is.
    ///
    /// @param tensor one that each model of the family has
    public String prefixOf(String tensor, String... prefixes) {
        for (String prefix : prefixes) {
            if (has.test(prefix + tensor)) {
                return prefix;
            }
        }
        return prefixes[0];
    }
}
