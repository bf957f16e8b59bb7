package org.wanda4j.model;

/// Linears of a block that share an input, in the order in which a block computes them.
public enum Stage {
    /// Query, key and value read the block's normed input.
    QKV("qkv"),
    /// The output projection reads what the heads attended to.
    OUTPUT("o"),
    /// Gate and up read the normed sum of input and attention.
    GATE_UP("gate+up"),
    /// Down reads the activated product.
    DOWN("down");

    private final String label;

    Stage(String label) {
        this.label = label;
    }

    /// How reports name it.
    public String label() {
        return label;
    }
}
