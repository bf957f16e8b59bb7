package org.wanda4j.prune;

import java.util.Optional;
import org.wanda4j.tune.Tuning;

/// Recipes by what they cost.
public enum Preset {
    /// Wanda: one forward over the windows.
    FAST,
    /// ADMM: the weights that stay make up for those that go, for about twice the time.
    BALANCED,
    /// ADMM, then tuning at a high rate.
    BEST;

    /// Where to start from.
    public Recipe recipe() {
        return switch (this) {
            case FAST -> Recipe.DEFAULT;
            case BALANCED -> Recipe.DEFAULT.withMethod("admm");
            case BEST -> BALANCED.recipe().withTuning(Optional.of(Tuning.FASTER));
        };
    }
}
